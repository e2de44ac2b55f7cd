import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Libp2p } from '@libp2p/interface'
import { createLibp2p } from 'libp2p'
import type { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import type { Node } from '../node.ts'
import { BandwidthCounter } from './bandwidth.ts'
import { ConnectionLimits } from './connection-limits.ts'
import { listConnectionsOnce } from './connection-list.ts'
import { Discovery } from './discovery.ts'
import { negotiateEncryption } from './encryption.ts'
import { createExchange } from './exchange.ts'
import { AddressFilters } from './filters.ts'
import { createForwarding } from './forwarding.ts'
import { Identifying } from './identify-later.ts'
import { LeftPeers } from './left-peers.ts'
import { logText } from './libp2p-log.ts'
import { agentVersion, identityKey, libp2pOptions } from './libp2p-options.ts'
import { listenAddresses, withFreePorts } from './listen.ts'
import { createNameRecords } from './name-records.ts'
import type { Network } from './network.ts'
import type { Components, PartBase, PartContext } from './parts.ts'
import { createPeering } from './peering.ts'
import { createProviding } from './providing.ts'
import { createPubsub, pubsubServices } from './pubsub.ts'
import { paceRandomWalks } from './random-walk.ts'
import { reachability } from './reachability.ts'
import { createRouting, routingServices } from './routing.ts'
import { textsAt } from './settings.ts'
import { storeProtocolsOnce } from './spoken-protocols.ts'
import { createSwarm } from './swarm.ts'
import { type Tls, tls } from './tls.ts'

export interface StartOptions {
  /** `repo`: the repo's identity, listening, for the daemon alone. `ephemeral`: a fresh key, a client that dials few. */
  readonly identity: 'repo' | 'ephemeral'
  /** What an ephemeral node that listens gives to others. */
  readonly serves?: ((cid: CID) => boolean) | undefined
  /** Cuts the start short; the network that has started is stopped by disposing of it. */
  readonly signal?: AbortSignal | undefined
  /** Told what goes wrong without ending anything: an address that cannot be listened on. */
  readonly onWarning?: ((text: string) => void) | undefined
}

/** Starts libp2p for a node. It serves and fills `node.repo.blocks`. Whoever started it disposes of it. */
export async function startNetwork(
  node: Pick<Node, 'repo' | 'globals' | 'daemon'>,
  options: StartOptions,
): Promise<Network> {
  const config = await node.repo.config.read()
  const closing = new AbortController()
  const waiting = new Later()
  const base: PartBase = {
    node,
    config,
    identity: options.identity,
    serves: options.serves,
    left: new LeftPeers(),
    signal: closing.signal,
    later: work => waiting.add(work),
    log: (logger, level, text) => node.daemon?.log.write(logger, level, text),
  }
  const started = await startLibp2p(base, options)
  const stack = new AsyncDisposableStack()
  stack.defer(() => started.context.libp2p.stop())
  stack.defer(() => closing.abort(new DOMException('the network is closing', 'AbortError')))
  try {
    return await assemble(started, stack, waiting)
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

interface Started {
  readonly context: PartContext
  readonly filters: AddressFilters
  readonly limits: ConnectionLimits
  readonly bandwidth: BandwidthCounter
  readonly discovery: Discovery
  readonly encryption: Tls
  readonly identifying: Identifying
  readonly swarmKey: Uint8Array | undefined
}

async function startLibp2p(base: PartBase, { signal, onWarning }: StartOptions): Promise<Started> {
  const { config, identity, serves } = base
  const filters = new AddressFilters(textsAt(config, 'Swarm.AddrFilters'))
  const limits = new ConnectionLimits(filters, config, identity)
  const bandwidth = new BandwidthCounter()
  const discovery = new Discovery(base)
  const encryption = tls()
  const identifying = new Identifying()
  const listens = identity === 'repo' || serves !== undefined
  const configured = listens ? listenAddresses(config, onWarning) : []
  const listen = identity === 'repo' ? configured : withFreePorts(configured)
  const refused: string[] = []
  let components: Components | undefined
  const [privateKey, swarmKey, reach, ...services] = await Promise.all([
    identityKey(identity, config),
    swarmKeyOf(base),
    reachability(base, listen),
    routingServices(base),
    pubsubServices(base),
    discovery.services(),
  ])
  const options = await libp2pOptions({
    base,
    privateKey,
    swarmKey,
    tls: encryption,
    identifying,
    reachability: reach,
    listen,
    listening: () => components?.transportManager.getAddrs() ?? [],
    limits,
    bandwidth,
    services: Object.assign({}, ...services, {
      inside: (inside: Components) => {
        components = inside
        paceRandomWalks(inside)
        listConnectionsOnce(inside)
        storeProtocolsOnce(inside)
        negotiateEncryption(inside)
        return {}
      },
    }),
    onError: (component, format, args) => {
      if (component === 'libp2p:transports' && format.includes('could not listen')) refused.push(refusal(args))
      base.log('net', 'debug', `${component}: ${logText(format, args)}`)
    },
  })
  const libp2p = await createLibp2p(options)
  if (components === undefined) throw new Error('libp2p made no services')
  limits.watch(libp2p)
  libp2p.addEventListener('connection:open', ({ detail }) => bandwidth.opened(detail))
  libp2p.addEventListener('peer:connect', ({ detail }) => base.left.meet(detail))
  await libp2p.start()
  if (signal?.aborted === true) {
    await libp2p.stop()
    signal.throwIfAborted()
  }
  await checkListening(libp2p, components, refused, listen, onWarning)
  const context = { ...base, libp2p, components }
  return { context, filters, limits, bandwidth, discovery, encryption, identifying, swarmKey }
}

async function swarmKeyOf({ node }: PartBase): Promise<Uint8Array | undefined> {
  const { readSwarmKey } = await import('./swarm-key.ts')
  return await readSwarmKey(node.repo.path, process.env)
}

/** One address that cannot be listened on is a warning; when there is no other, the start fails. */
async function checkListening(
  libp2p: Libp2p,
  components: Components,
  refused: readonly string[],
  listen: readonly string[],
  onWarning: ((text: string) => void) | undefined,
): Promise<void> {
  if (listen.length > 0 && components.transportManager.getAddrs().length === 0) {
    await libp2p.stop()
    throw new Failure('network', `failed to listen on any address: ${refused.join('; ')}`, {
      hint: 'change Addresses.Swarm, or end whatever uses the port',
    })
  }
  for (const text of refused) onWarning?.(`not listening on ${text}`)
}

/** The arguments are those of libp2p's line: the transport, the address, the error. */
function refusal(args: readonly unknown[]): string {
  const [, address, error] = args
  return `${String(address)}: ${error instanceof Error ? error.message : String(error)}`
}

async function assemble(started: Started, stack: AsyncDisposableStack, waiting: Later): Promise<Network> {
  const own = <T extends object>(part: T & Partial<AsyncDisposable>): T => {
    const dispose = part[Symbol.asyncDispose]
    if (dispose !== undefined) stack.defer(() => dispose.call(part))
    return part
  }
  const { context, filters, limits, bandwidth, discovery, identifying, swarmKey } = started
  const { libp2p, config, identity } = context
  stack.use(limits)
  // Whoever has this node connect to a peer will want something of it.
  const swarm = createSwarm(context, { filters, limits, identifying, connected: peer => prepare(peer) })
  const routing = own(await createRouting(context))
  const pubsub = own(await createPubsub(context))
  const { bitswap, openExchange, prepare } = own(await createExchange(context, routing))
  const network: Network = {
    peerId: libp2p.peerId.toString(),
    identity,
    agentVersion: agentVersion(config),
    publicKey: libp2p.peerId.publicKey === undefined ? new Uint8Array() : publicKeyToProtobuf(libp2p.peerId.publicKey),
    settle: () => waiting.begin(),
    identifyPeers: () => identifying.hurry(),
    protocols: () => libp2p.getProtocols().sort(),
    swarm,
    routing,
    pubsub,
    bitswap,
    openExchange,
    peering: own(createPeering(context)),
    forwarding: own(createForwarding(context)),
    providing: own(await createProviding(context, routing, bitswap)),
    naming: own(await createNameRecords(context, { routing, pubsub })),
    bandwidth: filter => bandwidth.read(filter),
    privateNetwork:
      swarmKey === undefined ? undefined : (await import('./private-network.ts')).keyFingerprint(swarmKey),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
  own(discovery)
  context.later(() => discovery.start(context))
  context.later(() => void started.encryption.prepare())
  // An ephemeral node has nobody who would say that it is ready.
  if (identity === 'ephemeral') waiting.begin()
  return network
}

/** Work that waits until the node is ready. */
class Later {
  #works: (() => void)[] | undefined = []

  add(work: () => void): void {
    if (this.#works === undefined) work()
    else this.#works.push(work)
  }

  begin(): void {
    const works = this.#works ?? []
    this.#works = undefined
    for (const work of works) work()
  }
}
