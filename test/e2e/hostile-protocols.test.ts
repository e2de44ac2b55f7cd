/** Peers that speak each protocol, and abuse it: the daemon goes on, in bounds, and says nothing of bugs. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { Daemon } from './daemons.ts'
import { memoryPeak, openFiles } from './program.ts'
import { peer, stillServes } from './raw-peer.ts'

const BASE = '/dev/shm'
const MIB = 1024 * 1024
const GROWTH_BYTES_MAX = 200 * MIB
const IDENTIFY = '/ipfs/id/1.0.0'
const IDENTIFY_PUSH = '/ipfs/id/push/1.0.0'
const PING = '/ipfs/ping/1.0.0'
/** Listens on all addresses, so that relays, AutoNAT and hole punching are there too. */
const CONFIG = {
  'Addresses.Swarm': ['/ip4/0.0.0.0/tcp/0'],
  'Swarm.DisableNatPortMap': true,
  'Swarm.RelayService.Enabled': true,
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}

function field(tag: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.from([(tag << 3) | 2, ...varint(bytes.length)]), bytes])
}

function framed(bytes: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.from(varint(bytes.length)), bytes])
}

/** Runs an attack against a daemon, which has to serve others in it and after it, in bounds, without a word of a bug. */
async function survives(attack: (daemon: Daemon) => Promise<void>): Promise<void> {
  await using daemon = await Daemon.start({ base: BASE, config: CONFIG })
  const before = memoryPeak(daemon.pid)
  const files = openFiles(daemon.pid)
  await attack(daemon)
  await stillServes(daemon)
  const grown = memoryPeak(daemon.pid) - before
  assert.ok(grown < GROWTH_BYTES_MAX, `grew by ${Math.round(grown / MIB)} MiB`)
  // The attackers are gone, and their connections with them.
  await daemon.until(['swarm', 'peers'], text => text === '', 40_000)
  assert.ok(openFiles(daemon.pid) <= files + 8, `${files} files before, ${openFiles(daemon.pid)} after`)
  const { status, stderr } = await daemon.kill('SIGTERM')
  assert.equal(status, 0)
  assert.doesNotMatch(stderr, /a bug in tsipfs|\n\s+at /)
}

/** Dials, does something, and hangs up whatever came of it. */
async function asPeer(daemon: Daemon, work: (connection: Connection) => Promise<void>): Promise<void> {
  await using stranger = await peer()
  await work(await stranger.libp2p.dial(multiaddr(daemon.address)))
}

async function protocolsOf(daemon: Daemon): Promise<string[]> {
  return JSON.parse(await daemon.ok(['id'])).Protocols
}

async function opened(connection: Connection, protocol: string): Promise<Stream | undefined> {
  try {
    const stream = await connection.newStream(protocol, { signal: AbortSignal.timeout(5_000) })
    stream.addEventListener('message', () => undefined)
    return stream
  } catch {
    // There are too many, or the connection was closed: that is what is tried.
    return undefined
  }
}

test('streams that are opened by the hundred, and say nothing, on every protocol', async () => {
  await survives(async daemon => {
    const protocols = await protocolsOf(daemon)
    for (const expected of [
      /kad/,
      /bitswap\/1\.2/,
      /bitswap\/1\.0/,
      /meshsub/,
      /relay/,
      /autonat/,
      /dcutr/,
      /id\/push/,
    ]) {
      assert.ok(
        protocols.some(name => expected.test(name)),
        `${expected} of ${protocols}`,
      )
    }
    for (const protocol of protocols) {
      await asPeer(daemon, async connection => {
        const streams = await Promise.all(Array.from({ length: 300 }, () => opened(connection, protocol)))
        // Half of them are closed at this end, and never at the other.
        await Promise.allSettled(streams.filter((_, at) => at % 2 === 0).map(stream => stream?.close()))
      })
    }
    await asPeer(daemon, async connection => {
      const streams = await Promise.all(Array.from({ length: 1_500 }, () => opened(connection, PING)))
      assert.ok(streams.filter(stream => stream !== undefined && stream.status === 'open').length <= 1_000)
    })
  })
})

test('frames of any length that promise more than they bring, on every protocol', async () => {
  await survives(async daemon => {
    const protocols = await protocolsOf(daemon)
    for (const length of [1, 8 * 1024, MIB, 4 * MIB, 2 ** 31, 2 ** 40]) {
      await asPeer(daemon, async connection => {
        const head = Buffer.concat([Uint8Array.from(varint(length)), randomBytes(16)])
        const work = protocols.map(async protocol => (await opened(connection, protocol))?.send(head))
        await Promise.allSettled(work)
      })
    }
  })
})

/** Field 2 of identify holds an address each, 8 the signed record, 1 the key. */
function identity(addresses: number, recordBytes: number): Buffer {
  const list = Array.from({ length: addresses }, (_, at) =>
    field(2, multiaddr(`/ip4/55.${at >> 16}.${(at >> 8) & 255}.${at & 255}/tcp/4001`).bytes),
  )
  return Buffer.concat([...list, ...(recordBytes > 0 ? [field(8, randomBytes(recordBytes))] : [])])
}

test('who says that he has ten thousand addresses, or signs a megabyte, is not remembered by it', async () => {
  await survives(async daemon => {
    for (const message of [identity(10_000, 0), identity(10, MIB), identity(0, 3 * MIB), identity(600, 0)]) {
      await asPeer(daemon, async connection => {
        const stream = await opened(connection, IDENTIFY_PUSH)
        try {
          for (const part of [framed(message), framed(message)]) stream?.send(part)
        } catch {
          // It was reset already.
        }
        await stream?.close({ signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
        // As an answer, too: the daemon asks whoever connects.
        await stillServes(daemon)
        const id = connection.remotePeer.toString()
        assert.equal(id, daemon.peer)
      })
      await using liar = await peer()
      await liar.libp2p.handle(IDENTIFY, stream => {
        stream.send(framed(message))
        void stream.close().catch(() => undefined)
      })
      await liar.libp2p.dial(multiaddr(daemon.address))
      await stillServes(daemon)
    }
    const known = await daemon.ok(['swarm', 'addrs'])
    assert.ok(known.split('\n').length < 2_000, `${known.split('\n').length} lines`)
  })
})

/** A frame of yamux: version, type (0 data, 1 window, 2 ping, 3 go away), flags (1 SYN), stream, length. */
function frame(
  type: number,
  flags: number,
  stream: number,
  length: number,
  body: Uint8Array = new Uint8Array(0),
): Buffer {
  const head = Buffer.alloc(12)
  head[1] = type
  head.writeUInt16BE(flags, 2)
  head.writeUInt32BE(stream, 4)
  head.writeUInt32BE(length, 8)
  return Buffer.concat([head, body])
}

/** Writes past the muxer, into the encrypted connection. */
function writer(connection: Connection): (bytes: Uint8Array) => void {
  const inner: { send(bytes: Uint8Array): boolean } = Reflect.get(Reflect.get(connection, 'muxer'), 'maConn')
  return bytes => {
    try {
      inner.send(bytes)
    } catch {
      // The daemon has closed it.
    }
  }
}

test('frames of the multiplexer that keep to no window, no stream and no version end their connection alone', async () => {
  const attacks: ((write: (bytes: Uint8Array) => void) => void)[] = [
    // More than the window of a stream that was just opened, many times over.
    write => {
      write(frame(1, 1, 101, 0))
      for (let at = 0; at < 64; at++) write(frame(0, 0, 101, 256 * 1024, Buffer.alloc(256 * 1024)))
    },
    // Windows without end.
    write => {
      write(frame(1, 1, 103, 0xffffffff))
      for (let at = 0; at < 1_000; at++) write(frame(1, 0, 103, 0xffffffff))
    },
    // A frame of 4 GiB, of which a part comes.
    write => write(frame(0, 1, 105, 0xffffffff, randomBytes(65_536))),
    // Streams that are opened and reset, as fast as they can be.
    write => {
      for (let at = 0; at < 20_000; at++)
        write(Buffer.concat([frame(1, 1, 201 + 2 * at, 0), frame(1, 8, 201 + 2 * at, 0)]))
    },
    // Pings by the thousand, and answers that nobody asked for.
    write => {
      for (let at = 0; at < 20_000; at++) write(frame(2, 1, 0, at))
      write(frame(2, 2, 0, 12_345))
    },
    // No type, no version, an even stream, a stream twice.
    write => write(frame(9, 0, 1, 0)),
    write => write(Buffer.concat([Uint8Array.of(7), frame(0, 1, 1, 0).subarray(1)])),
    write => write(Buffer.concat([frame(1, 1, 2, 0), frame(1, 1, 2, 0), frame(1, 1, 0, 0)])),
    write => write(frame(3, 0, 0, 77)),
  ]
  await survives(async daemon => {
    for (const attack of attacks) {
      await asPeer(daemon, async connection => {
        attack(writer(connection))
        await stillServes(daemon)
      })
    }
  })
})

test('a peer that asks for much and reads nothing is not answered into memory', async () => {
  await survives(async daemon => {
    const cid = await daemon.ok(['add', '-Q', '--cid-version=1', '--chunker=size-1048576'], { input: randomBytes(MIB) })
    const { multihash } = (await import('multiformats/cid')).CID.parse(cid)
    const wanted = Buffer.concat([Uint8Array.from([1, 0x55]), multihash.bytes])
    const entry = (priority: number): Buffer =>
      field(1, Buffer.concat([field(1, wanted), Uint8Array.from([0x10, ...varint(priority)])]))
    const wants = framed(field(1, Buffer.concat(Array.from({ length: 100 }, (_, at) => entry(at)))))
    const find = framed(Buffer.concat([Uint8Array.from([0x08, 4]), field(2, randomBytes(34))]))
    await asPeer(daemon, async connection => {
      const socket = Reflect.get(Reflect.get(connection, 'maConn'), 'socket')
      const work: [string, Uint8Array][] = [
        ['/ipfs/bitswap/1.2.0', wants],
        ['/ipfs/lan/kad/1.0.0', find],
      ]
      for (const [protocol, message] of work) {
        const streams = await Promise.all(Array.from({ length: 8 }, () => opened(connection, protocol)))
        socket.pause()
        for (const stream of streams) {
          for (let at = 0; at < 500 && stream?.writeStatus === 'writable'; at++) stream.send(message)
        }
        await stillServes(daemon)
        socket.resume()
      }
    })
  })
})
