import { connect } from 'node:net'
import type { CID } from 'multiformats/cid'
import { Failure, isAbort } from '../contract/failure.ts'
import type { Waiting } from '../repo/roles.ts'
import type { CheckState, Finding } from './doctor.ts'
import { hasPublicAddress } from './network/listen.ts'
import type { Network, PeerAddresses } from './network/network.ts'
import { flagAt } from './network/settings.ts'
import type { Node } from './node.ts'

const PROVIDERS_TIMEOUT_MS = 20_000
const PROVIDERS_MAX = 8
const ANSWER_TIMEOUT_MS = 10_000
const PORT_TIMEOUT_MS = 2_000
/** Records count for so long. */
const RECORD_VALIDITY_MS = 48 * 3_600_000
/** Of a limit, from which on it is near. */
const NEAR = 0.9

/** Yields how the node stands on the network: ports, whether others reach it, peers, what it announces, limits. */
export async function* examineNode(node: Node, options: Waiting): AsyncIterable<Finding> {
  const network = await node.network(options)
  const config = await node.repo.config.read()
  yield await portsOf(network)
  yield reachableOf(network)
  yield natOf(network, config)
  yield await peersOf(network)
  yield await announcedOf(network)
  yield limitsOf(network)
}

async function portsOf({ swarm }: Network): Promise<Finding> {
  const check = 'ports'
  const listening = swarm.listenAddresses()
  if (listening.length === 0) {
    return { check, state: 'warning', message: 'it listens on no port', hint: 'see Addresses.Swarm in the config' }
  }
  const closed: string[] = []
  for (const address of listening) {
    const [, host, port] = /^\/ip[46]\/([^/]+)\/tcp\/(\d+)/.exec(address) ?? []
    if (host !== undefined && !(await answers(host, Number(port)))) closed.push(address)
  }
  const details = { Addresses: listening }
  if (closed.length === 0) return { check, state: 'ok', message: `it listens on ${listening.join(', ')}`, details }
  const hint = 'a firewall on this machine may be in the way'
  return { check, state: 'failed', message: `nothing answers at ${closed.join(', ')}`, hint, details }
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port })
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(PORT_TIMEOUT_MS, () => end(false))
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}

function reachableOf({ swarm }: Network): Finding {
  const check = 'reachable'
  const { reachable, unreachable, unknown } = swarm.reachability()
  const inbound = swarm.connections().filter(({ direction }) => direction === 'inbound').length
  const details = { Reachable: reachable, Unreachable: unreachable, Unknown: unknown, Inbound: inbound }
  if (reachable.length > 0) {
    return { check, state: 'ok', message: `others have reached it at ${reachable.join(', ')}`, details }
  }
  const calls = inbound === 0 ? 'nobody has' : `${inbound} peer${inbound === 1 ? ' has' : 's have'}`
  if (unreachable.length > 0) {
    const hint = 'forward a port to this machine, or let relays help (Swarm.RelayClient.Enabled)'
    const message = `peers could not dial ${unreachable.join(', ')}; ${calls} connected to it`
    return { check, state: inbound === 0 ? 'failed' : 'warning', message, hint, details }
  }
  const state: CheckState = inbound > 0 ? 'ok' : 'warning'
  const message = `no peer has tested its addresses yet; ${calls} connected to it`
  return { check, state, message, ...(inbound > 0 ? {} : { hint: 'ask again in a few minutes' }), details }
}

function natOf({ swarm }: Network, config: Readonly<Record<string, unknown>>): Finding {
  const check = 'nat'
  const announced = swarm.addresses()
  const isMapping = !flagAt(config, 'Swarm.DisableNatPortMap', false)
  const relayed = announced.filter(address => address.includes('/p2p-circuit'))
  const open = announced.filter(address => !relayed.includes(address) && hasPublicAddress([address]))
  const details = { Addresses: announced, PortMapping: isMapping }
  const mapping = isMapping ? 'ports are mapped where the router allows it' : 'no port is mapped'
  if (open.length > 0) return { check, state: 'ok', message: `its public addresses are ${open.join(', ')}`, details }
  if (relayed.length > 0) {
    return { check, state: 'ok', message: `it is behind a NAT, and reached through relays; ${mapping}`, details }
  }
  return {
    ...{
      check,
      state: 'warning',
      message: `it has private addresses only: who is not in its own network cannot dial it; ${mapping}`,
    },
    ...{ hint: 'name a public address in Addresses.AppendAnnounce, or forward a port', details },
  }
}

async function peersOf({ swarm, routing }: Network): Promise<Finding> {
  const peers = new Set(swarm.connections().map(({ peer }) => peer)).size
  const tables = await routing.tables()
  const sizes = tables.map(table => [table.name, table.buckets.reduce((sum, { peers: some }) => sum + some.length, 0)])
  const known = sizes.map(([name, size]) => `${size} in its ${name} table`).join(', ')
  const details = { Peers: peers, Tables: Object.fromEntries(sizes) }
  const message = `${peers} peer${peers === 1 ? ' is' : 's are'} connected${known === '' ? '' : `, ${known}`}`
  if (peers > 0) return { check: 'peers', state: 'ok', message, details }
  return {
    check: 'peers',
    state: 'warning',
    message,
    hint: 'connect to one: tsipfs swarm connect, or see Bootstrap',
    details,
  }
}

async function announcedOf({ providing }: Network): Promise<Finding> {
  const check = 'announcing'
  const stat = await providing.stat()
  const details = {
    Queued: stat.queued,
    Scheduled: stat.scheduled,
    ...(stat.lastReprovide === undefined ? {} : { LastReprovide: new Date(stat.lastReprovide).toISOString() }),
  }
  if (!stat.settings.isEnabled) {
    return { check, state: 'warning', message: 'nothing is announced: Provide.Enabled is false', details }
  }
  const last = stat.lastReprovide === undefined ? 'never yet' : `last at ${details.LastReprovide}`
  const message = `${stat.queued} wait to be announced; all was announced ${last}; ${stat.failed} failed since the start`
  return { check, state: stat.failed > stat.provided + stat.reprovided ? 'warning' : 'ok', message, details }
}

function limitsOf({ swarm }: Network): Finding {
  const resources = Object.entries(swarm.resources())
  const near = resources.filter(([, { used, max }]) => used >= max * NEAR).map(([name]) => name)
  const message = resources.map(([name, { used, max }]) => `${used} of ${max} ${name}`).join(', ')
  const details = Object.fromEntries(resources.map(([name, { used, max }]) => [name, { Used: used, Max: max }]))
  if (near.length === 0) return { check: 'traffic', state: 'ok', message, details }
  return { check: 'traffic', state: 'warning', message, hint: `see Swarm.ConnMgr: ${near.join(', ')}`, details }
}

/** Yields who provides an object, whether this node does, and what each of the others answers when it is asked. */
export async function* examineProviders(node: Node, cid: CID, options: Waiting): AsyncIterable<Finding> {
  const limit = AbortSignal.timeout(Math.min(PROVIDERS_TIMEOUT_MS, node.globals.lookupTimeoutMs))
  const stop = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit])
  const network = await node.network(options)
  const providers: PeerAddresses[] = []
  try {
    for (const address of node.globals.peers) await network.swarm.connect(address, { signal: stop })
    const found = network.routing.findProviders(cid, { signal: stop, count: PROVIDERS_MAX })
    for await (const provider of found) providers.push(provider)
  } catch (error) {
    options.signal?.throwIfAborted()
    if (!limit.aborted && !isAbort(error) && !(error instanceof Failure)) throw error
  }
  const others = providers.filter(({ peer }) => peer !== network.peerId)
  if (network.identity === 'repo') yield await ownAnnouncement(network, cid, node)
  const details = { Peers: others.map(({ peer }) => peer) }
  if (others.length === 0) {
    const hint = 'ask whoever has it to announce it: tsipfs provide once'
    yield {
      check: 'providers',
      state: 'warning',
      message: 'nobody else provides it, as far as was found',
      hint,
      details,
    }
    return
  }
  yield { check: 'providers', state: 'ok', message: `provided by ${details.Peers.join(', ')}`, details }
  for (const provider of others) yield await answerOf(network, provider, cid, options)
}

async function ownAnnouncement({ routing }: Network, cid: CID, { repo }: Node): Promise<Finding> {
  const check = 'announced'
  const isHere = await repo.blocks.has(cid)
  const announced = routing.announced(cid)
  if (announced === undefined || Date.now() - announced.last > RECORD_VALIDITY_MS) {
    if (!isHere) return { check, state: 'ok', message: 'this node does not have it, and does not announce it' }
    return {
      ...{ check, state: 'warning', message: 'this node has it, and has not announced it' },
      hint: `announce it with: tsipfs provide once ${cid}`,
    }
  }
  const { first, last } = announced
  const [since = '', latest = '', until = ''] = [first, last, last + RECORD_VALIDITY_MS].map(timeText)
  const details = { Since: since, Last: latest, Until: until }
  const when = first === last ? `has announced it at ${since}` : `announces it since ${since}, last at ${latest}`
  const message = `this node ${when}; peers remember that until ${until}`
  if (isHere) return { check, state: 'ok', message, details }
  return { check, state: 'warning', message: `${message}, but the block is no longer here`, details }
}

function timeText(ms: number): string {
  return new Date(ms).toISOString()
}

/** Asks a provider for the block of the root. */
async function answerOf(network: Network, provider: PeerAddresses, cid: CID, options: Waiting): Promise<Finding> {
  const { peer, addresses } = provider
  const limit = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
  const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit])
  const check = 'answers'
  const began = performance.now()
  try {
    await connectTo(network, provider, signal)
    const connectMs = Math.round(performance.now() - began)
    const address = network.swarm.connections().find(each => each.peer === peer)?.address ?? ''
    const transport = transportOf(address)
    const answer = await network.bitswap.ask(peer, cid, { signal })
    const firstByteMs = Math.round(answer.firstByteMs * 10) / 10
    const details = {
      Peer: peer,
      Address: address,
      Transport: transport,
      ConnectMs: connectMs,
      FirstByteMs: firstByteMs,
    }
    if (!answer.has) {
      const message = `${peer} answers over ${transport}, and says that it does not have it`
      return { check, state: 'failed', message, details: { ...details, Has: false } }
    }
    const message = `${peer} gives it over ${transport} (${address}): first byte after ${firstByteMs} ms, ${answer.bytes} bytes`
    return { check, state: 'ok', message, details: { ...details, Has: true, Bytes: answer.bytes } }
  } catch (error) {
    options.signal?.throwIfAborted()
    const reason = limit.aborted
      ? `no answer within ${ANSWER_TIMEOUT_MS / 1000} s`
      : error instanceof Error
        ? error.message
        : String(error)
    const details = { Peer: peer, Addresses: addresses, Error: reason }
    return { check, state: 'failed', message: `${peer} does not answer: ${reason}`, details }
  }
}

/** By its id, which finds addresses that are known, or by those that its record has. */
async function connectTo({ swarm }: Network, { peer, addresses }: PeerAddresses, signal: AbortSignal): Promise<void> {
  if (swarm.connections().some(each => each.peer === peer)) return
  const named = addresses.map(address => (address.includes('/p2p/') ? address : `${address}/p2p/${peer}`))
  let last: unknown
  for (const address of [...named, `/p2p/${peer}`]) {
    try {
      await swarm.connect(address, { signal })
      return
    } catch (error) {
      signal.throwIfAborted()
      last = error
    }
  }
  throw last
}

function transportOf(address: string): string {
  if (address.includes('/p2p-circuit')) return 'a relay'
  const names = [
    ['/quic-v1', 'QUIC'],
    ['/webrtc', 'WebRTC'],
    ['/wss', 'WebSocket'],
    ['/ws', 'WebSocket'],
    ['/tcp', 'TCP'],
  ]
  return names.find(([part = '']) => address.includes(part))?.[1] ?? 'an unknown transport'
}
