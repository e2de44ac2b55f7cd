import { generateKeyPair, privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import { identifyPush } from '@libp2p/identify'
import {
  type ConnectionEncrypter,
  type ConnectionProtector,
  FaultTolerance,
  type PrivateKey,
  type Transport,
} from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Libp2pOptions } from 'libp2p'
import { Failure } from '../../contract/failure.ts'
import { AGENT } from '../../contract/version.ts'
import type { Config } from '../../repo/roles.ts'
import { announceOptions } from './announce.ts'
import type { BandwidthCounter } from './bandwidth.ts'
import type { ConnectionLimits } from './connection-limits.ts'
import type { Identifying } from './identify-later.ts'
import { type ErrorListener, quietLogger } from './libp2p-log.ts'
import { muxer } from './muxer.ts'
import { noise } from './noise.ts'
import type { Components, PartBase, Services } from './parts.ts'
import { ping } from './ping.ts'
import type { Reachability } from './reachability.ts'
import { flagAt, textAt, valueAt } from './settings.ts'
import { type OutsideDials, tcp } from './tcp.ts'
import type { Tls } from './tls.ts'

const DIAL_TIMEOUT_MS = 15_000
const ADDRESS_DIAL_TIMEOUT_MS = 10_000
const UPGRADE_TIMEOUT_MS = 10_000
const NEGOTIATION_TIMEOUT_MS = 10_000
/** Inbound connections that are being negotiated. */
const PENDING_INBOUND_MAX = 1_024

export interface OptionsInput {
  readonly base: PartBase
  readonly privateKey: PrivateKey
  readonly listen: readonly string[]
  /** The addresses of the listeners, once there are some. */
  readonly listening: () => readonly Multiaddr[]
  readonly limits: ConnectionLimits
  readonly bandwidth: BandwidthCounter
  readonly reachability: Reachability
  readonly swarmKey: Uint8Array | undefined
  readonly tls: Tls
  readonly identifying: Identifying
  readonly services: Services
  readonly onError: ErrorListener
}

/** Returns what libp2p is made of, for a node with this config. */
export async function libp2pOptions(input: OptionsInput): Promise<Libp2pOptions> {
  const { config } = input.base
  const { connectionsMax, dialsMax } = input.limits.bounds
  const { listen, transports, services } = input.reachability
  const countsBytes = !flagAt(config, 'Swarm.DisableBandwidthMetrics', false)
  return {
    start: false,
    privateKey: input.privateKey,
    nodeInfo: { name: 'tsipfs', userAgent: agentVersion(config) },
    logger: quietLogger(input.onError),
    addresses: { ...announceOptions(config, input.listening), listen: [...input.listen, ...listen] },
    transportManager: { faultTolerance: FaultTolerance.NO_FATAL },
    transports: [...(await dialers(config, input.reachability.outsideDials)), ...transports],
    connectionEncrypters: encrypters(config, input.tls),
    streamMuxers: [muxer()],
    connectionGater: input.limits.gater(),
    connectionManager: {
      // The DHT marks the closest peers to be dialled again as soon as their connection ends: nobody could disconnect from
      // them. What is to stay connected, peering dials.
      maxParallelReconnects: 0,
      maxConnections: connectionsMax,
      maxParallelDials: dialsMax,
      dialTimeout: DIAL_TIMEOUT_MS,
      addressDialTimeout: ADDRESS_DIAL_TIMEOUT_MS,
      inboundUpgradeTimeout: UPGRADE_TIMEOUT_MS,
      inboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
      outboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
      maxIncomingPendingConnections: PENDING_INBOUND_MAX,
      // The gater counts what is open for each network, as the reference implementation does.
      inboundConnectionThreshold: Number.MAX_SAFE_INTEGER,
    },
    // The muxer sees to it that who is gone is let go.
    connectionMonitor: { enabled: false },
    ...(input.swarmKey === undefined ? {} : { connectionProtector: await protector(input.swarmKey) }),
    ...(countsBytes ? { metrics: () => input.bandwidth.metrics() } : {}),
    services: {
      identify: input.identifying.service(input.base.identity === 'repo'),
      identifyPush: identifyPush(),
      ping: ping(input.base.left),
      ...services,
      ...input.services,
    },
  }
}

async function dialers(
  config: Config,
  outside: OutsideDials | undefined,
): Promise<((components: Components) => Transport)[]> {
  const transports: ((components: Components) => Transport)[] = []
  if (flagAt(config, 'Swarm.Transports.Network.TCP', true)) transports.push(tcp(outside))
  if (flagAt(config, 'Swarm.Transports.Network.Websocket', true)) {
    const { webSockets } = await import('./web-sockets.ts')
    transports.push(webSockets())
  }
  return transports
}

/** TLS first: it is several times as fast here. `Swarm.Transports.Security` orders otherwise, or turns one off. */
function encrypters(config: Config, tls: Tls): ((components: Components) => ConnectionEncrypter)[] {
  const rank = (key: string, initial: number): number => {
    const value = valueAt(config, `Swarm.Transports.Security.${key}`)
    return value === false ? Number.POSITIVE_INFINITY : typeof value === 'number' ? value : initial
  }
  const ranked: { rank: number; encrypter: (components: Components) => ConnectionEncrypter }[] = [
    { rank: rank('TLS', 100), encrypter: tls },
    { rank: rank('Noise', 200), encrypter: noise() },
  ].filter(entry => entry.rank !== Number.POSITIVE_INFINITY)
  if (ranked.length === 0) {
    throw new Failure(
      'failed',
      'Swarm.Transports.Security turns off both TLS and Noise: connections are always encrypted',
    )
  }
  return ranked.sort((a, b) => a.rank - b.rank).map(({ encrypter }) => encrypter)
}

async function protector(key: Uint8Array): Promise<() => ConnectionProtector> {
  const { privateNetwork } = await import('./private-network.ts')
  return privateNetwork(key)
}

/** Returns the name and version that peers see. */
export function agentVersion(config: Config): string {
  const suffix = textAt(config, 'Version.AgentSuffix')
  return suffix === undefined ? AGENT : `${AGENT}/${suffix}`
}

/** Returns the key of the repo, or a fresh one. */
export async function identityKey(identity: 'repo' | 'ephemeral', config: Config): Promise<PrivateKey> {
  if (identity === 'ephemeral') return await generateKeyPair('Ed25519')
  const text = textAt(config, 'Identity.PrivKey')
  if (text === undefined) {
    throw new Failure('failed', 'the config holds no private key: Identity.PrivKey', {
      hint: 'restore the config file, or make a new repo',
    })
  }
  try {
    return privateKeyFromProtobuf(Buffer.from(text, 'base64'))
  } catch (error) {
    throw new Failure('failed', 'the config holds no valid private key: Identity.PrivKey', { cause: error })
  }
}
