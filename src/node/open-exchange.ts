import type { Config } from '../repo/roles.ts'
import { type Exchange, type FetchState, NobodyToAsk } from './exchange.ts'
import type { Network } from './network/network.ts'
import { textAt, textsAt, valueAt } from './network/settings.ts'
import type { Node } from './node.ts'

const PEERING_DIALS_MAX = 8
const NOBODY_HINT = 'name a peer with --peer or a gateway with --gateway, or start a daemon: tsipfs daemon'

/** What a fetch is to hold to, wherever it is carried out. */
export interface FetchTerms {
  readonly lookupTimeoutMs: number
  readonly stallTimeoutMs: number
  readonly peers: readonly string[]
  readonly gateways: readonly string[]
}

/** Asks the daemon on the repo; undefined when there is none. */
export type AskDaemon = (
  terms: FetchTerms,
  onState: ((state: FetchState) => void) | undefined,
) => Promise<Exchange | undefined>

/** Returns what a fetch of this node is to hold to: the options of the call, and the gateways of the config. */
export function termsOf({ globals }: Pick<Node, 'globals'>, config: Config): FetchTerms {
  const { lookupTimeoutMs, stallTimeoutMs, peers } = globals
  const isOn = valueAt(config, 'HTTPRetrieval.Enabled') !== false
  const gateways = [...new Set([...globals.gateways, ...(isOn ? textsAt(config, 'HTTPRetrieval.Gateways') : [])])]
  return { lookupTimeoutMs, stallTimeoutMs, peers, gateways }
}

/** Opens the exchange of a command without a daemon: a network that ends with it, or gateways alone. */
export async function openOwnExchange(
  node: Pick<Node, 'repo'>,
  config: Config,
  terms: FetchTerms,
  options: {
    readonly network: () => Promise<Network>
    readonly onState: ((state: FetchState) => void) | undefined
  },
): Promise<Exchange> {
  const { onState } = options
  // Nothing of libp2p is loaded when there is nobody whom it could reach.
  if (hasPeers(config, terms)) {
    const peers = [...terms.peers, ...peeringAddresses(config)]
    return (await options.network()).openExchange({ ...terms, peers, onState })
  }
  if (terms.gateways.length === 0) return new NobodyToAsk(NOBODY_HINT)
  const [{ Fetcher }, { Gateways }, { checkBlock }] = await Promise.all([
    import('./network/fetcher.ts'),
    import('./network/gateways.ts'),
    import('./hash.ts'),
  ])
  const { repo } = node
  return new Fetcher({
    peers: () => 0,
    gateways: new Gateways({
      urls: terms.gateways,
      requestTimeoutMs: Math.min(terms.lookupTimeoutMs, terms.stallTimeoutMs),
      check: checkBlock,
    }),
    received: async (cid, bytes) => {
      if (!repo.readOnly) await repo.blocks.put(cid, bytes)
    },
    blocks: repo.blocks,
    onState,
  })
}

/** Returns true when somebody is known whom a node of this command's own could ask. */
function hasPeers(config: Config, { peers }: FetchTerms): boolean {
  if (peers.length > 0) return true
  const { Bootstrap: bootstrap } = config
  const routers = valueAt(config, 'Routing.Routers')
  return (
    (Array.isArray(bootstrap) && bootstrap.length > 0) ||
    isFilled(valueAt(config, 'Peering.Peers')) ||
    isFilled(valueAt(config, 'Routing.DelegatedRouters')) ||
    (typeof routers === 'object' && routers !== null && Object.keys(routers).length > 0)
  )
}

/** The peers of the config that are always to be connected: a few of them. */
function peeringAddresses(config: Config): string[] {
  const peers = valueAt(config, 'Peering.Peers')
  const addresses: string[] = []
  for (const peer of Array.isArray(peers) ? peers.slice(0, PEERING_DIALS_MAX) : []) {
    const id = textAt(peer, 'ID')
    if (id !== undefined) addresses.push(...textsAt(peer, 'Addrs').map(address => `${address}/p2p/${id}`))
  }
  return addresses
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0
}
