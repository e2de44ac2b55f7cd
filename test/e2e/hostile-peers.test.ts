/** Peers that do not keep to any protocol cost their own connection, and nobody else anything. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { Daemon } from './daemons.ts'
import { crowdOf, memoryPeak, openFiles } from './program.ts'
import { peer, stillServes } from './raw-peer.ts'

const BASE = '/dev/shm'
const MIB = 1024 * 1024
/** Five thousand with TSIPFS_CROWD=5000. */
const CROWD = crowdOf(1_000)
/** What the daemon may use beyond what it used before it was attacked. */
const GROWTH_BYTES_MAX = 200 * MIB

function portOf(daemon: Daemon): number {
  return Number(/\/tcp\/(\d+)/.exec(daemon.address)?.[1])
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await settled(socket)
  return socket
}

/** Resolves when a socket is connected, or will not be. */
async function settled(socket: Socket): Promise<void> {
  socket.on('error', () => undefined)
  if (socket.connecting) await Promise.race([once(socket, 'connect').catch(() => undefined), closed(socket)])
}

/** Resolves when a socket is closed, by whom and however. */
function closed(socket: Socket): Promise<void> {
  return socket.closed ? Promise.resolve() : new Promise(resolve => socket.once('close', () => resolve()))
}

test('garbage instead of a handshake ends the connection that it came on', async () => {
  await using daemon = await Daemon.start({ base: BASE })
  const hello = Buffer.from('\x13/multistream/1.0.0\n')
  const starts = [
    randomBytes(4_096),
    Buffer.alloc(70_000, 0xff),
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    Buffer.concat([hello, randomBytes(5_000)]),
    Buffer.concat([hello, Buffer.from('\x07/noise\n'), randomBytes(5_000)]),
    Buffer.concat([hello, Buffer.from('\x0b/tls/1.0.0\n'), randomBytes(5_000)]),
    Buffer.concat([hello, Buffer.from('\x0b/tls/1.0.0\n\x16\x03\x01\x40\x00\x01'), Buffer.alloc(20_000)]),
  ]
  const sockets = await Promise.all(
    starts
      .flatMap(bytes => [bytes, bytes, bytes])
      .map(async bytes => {
        const socket = await open(portOf(daemon))
        socket.resume()
        socket.write(bytes)
        return socket
      }),
  )
  await stillServes(daemon)
  // The limit of a handshake is 10 s; whatever was recognised as garbage was closed before.
  await Promise.all(sockets.map(closed))
  await stillServes(daemon)
})

async function attack(connection: Connection, protocol: string, bytes: Uint8Array): Promise<void> {
  const stream = await connection.newStream(protocol, { signal: AbortSignal.timeout(5_000) })
  const over = new Promise<void>(resolve => stream.addEventListener('close', () => resolve()))
  stream.addEventListener('message', () => undefined)
  for (let at = 0; at < bytes.length; at += 16_384) {
    if (!stream.send(bytes.subarray(at, at + 16_384))) await stream.onDrain({ signal: AbortSignal.timeout(2_000) })
  }
  await stream.close({ signal: AbortSignal.timeout(2_000) })
  await Promise.race([over, new Promise(resolve => setTimeout(resolve, 500))])
}

test('garbage on any protocol, cut short, endless or of absurd length, does no harm', async () => {
  await using daemon = await Daemon.start({ base: BASE })
  const before = memoryPeak(daemon.pid)
  const protocols: string[] = JSON.parse(await daemon.ok(['id'])).Protocols
  assert.ok(protocols.length > 5)
  const absurd = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]), randomBytes(64)])
  for (const bytes of [randomBytes(3), randomBytes(65_536), Buffer.alloc(2 * MIB, 0x0a), absurd, Buffer.alloc(0)]) {
    await using stranger = await peer()
    const connection = await stranger.libp2p.dial(multiaddr(daemon.address))
    // Whatever comes of it here: a reset, a closed connection, nothing.
    await Promise.allSettled(protocols.map(protocol => attack(connection, protocol, bytes)))
  }
  await stillServes(daemon)
  assert.ok(memoryPeak(daemon.pid) - before < GROWTH_BYTES_MAX, `grew by ${memoryPeak(daemon.pid) - before}`)
})

test('a crowd that connects and says nothing leaves room for others, and goes', async () => {
  await using daemon = await Daemon.start({ base: BASE })
  const before = memoryPeak(daemon.pid)
  const files = openFiles(daemon.pid)
  const crowd: Socket[] = []
  for (let at = 0; at < CROWD; at += 100) {
    crowd.push(...Array.from({ length: 100 }, () => connect(portOf(daemon), '127.0.0.1')))
    // Whoever is too many is reset at once.
    await Promise.all(crowd.slice(at).map(settled))
  }
  try {
    // Handshakes that have begun are 1,024 at most: when all are taken others wait until those are given up.
    if (CROWD <= 1_000) await stillServes(daemon)
    else await daemon.ok(['swarm', 'peers'])
    assert.ok(openFiles(daemon.pid) <= files + 1_100, `${openFiles(daemon.pid)} files`)
    for (const socket of crowd) socket.resume()
    await Promise.all(crowd.map(closed))
    await stillServes(daemon)
    assert.ok(openFiles(daemon.pid) <= files + 8, `${files} files before, ${openFiles(daemon.pid)} after`)
    assert.ok(memoryPeak(daemon.pid) - before < GROWTH_BYTES_MAX, `grew by ${memoryPeak(daemon.pid) - before}`)
  } finally {
    for (const socket of crowd) socket.destroy()
  }
})

test('who asks and does not read is not waited for with memory', async () => {
  await using daemon = await Daemon.start({ base: BASE })
  await using stranger = await peer()
  const connection = await stranger.libp2p.dial(multiaddr(daemon.address))
  const before = memoryPeak(daemon.pid)
  const streams = await Promise.all(Array.from({ length: 2 }, () => connection.newStream('/ipfs/ping/1.0.0')))
  const socket: Socket = Reflect.get(Reflect.get(connection, 'maConn'), 'socket')
  socket.pause()
  // Every byte is to be sent back, and nobody takes it.
  for (let sent = 0; sent < 256 && streams.some(stream => stream.writeStatus === 'writable'); sent++) {
    for (const stream of streams) if (stream.writeStatus === 'writable') stream.send(Buffer.alloc(MIB))
    await new Promise(resolve => setImmediate(resolve))
  }
  await stillServes(daemon)
  assert.ok(memoryPeak(daemon.pid) - before < GROWTH_BYTES_MAX, `grew by ${memoryPeak(daemon.pid) - before}`)
})
