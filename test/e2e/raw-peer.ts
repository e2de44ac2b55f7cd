/** Peers of the tests' own, on the packages of libp2p: with keys, and with whatever manners a test gives them. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { Daemon } from './daemons.ts'

/** A peer without manners, but with keys. */
export async function peer(): Promise<AsyncDisposable & { libp2p: Libp2p }> {
  const libp2p = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  })
  return { libp2p, [Symbol.asyncDispose]: async () => await libp2p.stop() }
}

/** Passes when others are served as before. */
export async function stillServes(daemon: Daemon): Promise<void> {
  await using friend = await peer()
  const connection = await friend.libp2p.dial(multiaddr(daemon.address))
  const stream = await connection.newStream('/ipfs/ping/1.0.0')
  const answered = once(stream as never, 'message')
  stream.send(randomBytes(32))
  await answered
  await daemon.ok(['swarm', 'peers'])
}
