import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { CID } from 'multiformats/cid'
import { GLOBALS_DEFAULT } from '../../contract/globals.ts'
import type { Blocks, Repo } from '../../repo/roles.ts'
import type { Exchange } from '../exchange.ts'
import { checkBlock } from '../hash.ts'
import { Bitswap } from './bitswap/bitswap.ts'
import { INBOUND_STREAMS_MAX } from './bitswap/limits.ts'
import { PROTOCOLS } from './bitswap/wire.ts'
import { Fetcher, givenUp, triedText } from './fetcher.ts'
import { Gateways } from './gateways.ts'
import { widenWindow } from './muxer.ts'
import type { BitswapView, ExchangeOptions, Routing } from './network.ts'
import type { Part, PartContext } from './parts.ts'
import { providerSearch } from './provider-search.ts'
import { rubbish } from './rubbish.ts'
import { flagAt } from './settings.ts'
import { resolveTargets } from './targets.ts'

/** How often it is looked whether somebody stored what a peer waits for. */
const LOOK_AGAIN_MS = 250
const DIAL_TIMEOUT_MS = 15_000
const OUTBOUND_STREAMS_MAX = 64
/** What a peer may send ahead on the only stream that it has open: blocks of far peers should not wait for a window to grow. */
const FIRST_WINDOW_BYTES = 1024 * 1024

/** Blocks between this node and others. */
export interface NetworkExchange {
  readonly bitswap: BitswapView
  openExchange(options?: ExchangeOptions): Exchange
  /** Gets ready to ask a peer that is connected, and is likely to be asked in a moment. */
  prepare(peer: string): void
}

/** Returns the exchange on a node that has started: Bitswap, with the providers that routing finds. */
export async function createExchange(context: PartContext, routing: Routing): Promise<Part<NetworkExchange>> {
  const exchange = new LibExchange(context, routing)
  await exchange.start()
  return exchange
}

class LibExchange implements NetworkExchange, AsyncDisposable {
  readonly bitswap: BitswapView
  readonly #bitswap: Bitswap
  readonly #context: PartContext
  readonly #routing: Routing
  readonly #blocks: StoringBlocks
  #timer: NodeJS.Timeout | undefined
  #dials = 0

  constructor(context: PartContext, routing: Routing) {
    const { libp2p, node, config, identity, serves } = context
    this.#context = context
    this.#routing = routing
    this.#blocks = storingBlocks(node.repo)
    const collecting = identity === 'repo' ? rubbish() : undefined
    this.#bitswap = new Bitswap({
      blocks: this.#blocks,
      connectionTo: peer => bestConnection(libp2p.getConnections(peerIdFromString(peer))),
      serves: (identity === 'repo' || serves !== undefined) && flagAt(config, 'Bitswap.ServerEnabled', true),
      onBytes: collecting === undefined ? undefined : bytes => collecting.received(bytes),
      mayServe: identity === 'repo' ? undefined : serves,
      onOpenWants: () => this.#watch(),
    })
    this.bitswap = this.#bitswap
  }

  async start(): Promise<void> {
    const { libp2p, config } = this.#context
    if (!flagAt(config, 'Bitswap.Libp2pEnabled', true)) return
    await libp2p.handle(PROTOCOLS, this.#accept, {
      maxInboundStreams: INBOUND_STREAMS_MAX,
      maxOutboundStreams: OUTBOUND_STREAMS_MAX,
      runOnLimitedConnection: true,
    })
    libp2p.addEventListener('peer:connect', this.#onConnect)
    libp2p.addEventListener('peer:disconnect', this.#onDisconnect)
    for (const peer of libp2p.getPeers()) this.#bitswap.connected(peer.toString())
  }

  /** Looks now and then for what others have stored meanwhile, while there is a peer that waits for it. */
  #watch(): void {
    const { identity, node } = this.#context
    if (identity !== 'repo' || this.#timer !== undefined) return
    let seen = ''
    this.#timer = setInterval(() => {
      if (!this.#bitswap.hasOpenWants) {
        clearInterval(this.#timer)
        this.#timer = undefined
        return
      }
      const before = seen
      seen = node.repo.changes()
      if (before !== seen) void this.#bitswap.lookAgain()
    }, LOOK_AGAIN_MS)
    this.#timer.unref()
  }

  readonly #accept = (stream: Stream, connection: Connection): void => {
    const isFirst = !connection.streams.some(
      other => other !== stream && other.direction === 'inbound' && PROTOCOLS.includes(other.protocol),
    )
    if (isFirst) widenWindow(stream, FIRST_WINDOW_BYTES)
    this.#bitswap.accept(stream, connection.remotePeer.toString())
  }

  readonly #onConnect = ({ detail }: CustomEvent<PeerId>): void => {
    this.#bitswap.connected(detail.toString())
  }

  readonly #onDisconnect = ({ detail }: CustomEvent<PeerId>): void => this.#bitswap.disconnected(detail.toString())

  readonly prepare = (peer: string): void => this.#bitswap.prepare(peer)

  readonly openExchange = (options: ExchangeOptions = {}): Exchange => {
    const { libp2p, identity, node } = this.#context
    const {
      lookupTimeoutMs = GLOBALS_DEFAULT.lookupTimeoutMs,
      stallTimeoutMs = GLOBALS_DEFAULT.stallTimeoutMs,
      peers = [],
    } = options
    const limits = { lookupTimeoutMs, stallTimeoutMs }
    const unreached: string[] = []
    const gateways = new Gateways({
      urls: options.gateways ?? [],
      requestTimeoutMs: Math.min(lookupTimeoutMs, stallTimeoutMs),
      check: checkBlock,
    })
    const tried = () => ({ ...session.tried, unreached })
    const session = this.#bitswap.newSession({
      ...limits,
      findProviders: providerSearch(this.#context, this.#routing, url => gateways.add(url)),
      isComplete: identity === 'ephemeral' ? () => this.#dials === 0 && libp2p.getDialQueue().length === 0 : undefined,
      giveUp: ({ cid }, why) => givenUp(cid, why, tried(), limits),
    })
    void this.#dialAll(peers, text => unreached.push(text))
    return new Fetcher({
      session,
      gateways,
      peers: () => libp2p.getPeers().length,
      tried: () => triedText(tried()),
      received: (cid, bytes) => this.#bitswap.received(cid, bytes),
      blocks: node.repo.blocks,
      onState: options.onState,
    })
  }

  /** Dials peers that were named. Who cannot be reached is written to the log; the others may have what is wanted. */
  async #dialAll(addresses: readonly string[], unreached: (text: string) => void): Promise<void> {
    if (addresses.length === 0) return
    const { libp2p, signal, log } = this.#context
    const { parseTarget } = await import('./addresses.ts')
    this.#dials += 1
    const dial = async (text: string): Promise<void> => {
      const { peer, address } = parseTarget(text)
      if (libp2p.getConnections(peer).length > 0) return
      const stop = AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
      await libp2p.dial(address === undefined ? peer : address.encapsulate(`/p2p/${peer}`), { signal: stop })
    }
    try {
      const targets = await resolveTargets(addresses, { signal })
      const failed = (text: string, error: unknown): void => {
        unreached(text)
        log('bitswap', 'info', `${text}: ${error}`)
      }
      await Promise.all(targets.map(text => dial(text).catch(error => failed(text, error))))
    } catch (error) {
      for (const text of addresses) unreached(text)
      log('bitswap', 'error', String(error))
    } finally {
      this.#dials -= 1
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { libp2p } = this.#context
    clearInterval(this.#timer)
    libp2p.removeEventListener('peer:connect', this.#onConnect)
    libp2p.removeEventListener('peer:disconnect', this.#onDisconnect)
    await libp2p.unhandle(PROTOCOLS).catch(() => undefined)
  }
}

/** Prefers a direct connection to one through a relay. */
function bestConnection(connections: readonly Connection[]): Connection | undefined {
  const open = connections.filter(({ status }) => status === 'open')
  return open.find(({ limits }) => limits === undefined) ?? open[0]
}

type StoringBlocks = Pick<Blocks, 'stat' | 'get' | 'put'>

/** On media that cannot be written, what was fetched is handed on and not kept. */
export function storingBlocks(repo: Pick<Repo, 'blocks' | 'readOnly'>): StoringBlocks {
  const { blocks, readOnly } = repo
  return {
    stat: (cid, options) => blocks.stat(cid, options),
    get: (cid, options) => blocks.get(cid, options),
    put: async (cid: CID, bytes: Uint8Array) => {
      if (!readOnly) await blocks.put(cid, bytes)
    },
  }
}
