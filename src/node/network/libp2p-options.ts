import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPair, privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import { identify, identifyPush } from '@libp2p/identify'
import { FaultTolerance, type PrivateKey } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import type { Libp2pOptions } from 'libp2p'
import { Failure } from '../../contract/failure.ts'
import { AGENT } from '../../contract/version.ts'
import type { Config } from '../../repo/roles.ts'
import type { ConnectionLimits } from './connection-limits.ts'
import { type ErrorListener, quietLogger } from './libp2p-log.ts'
import { noise } from './noise.ts'
import type { PartBase, Services } from './parts.ts'
import { textAt } from './settings.ts'
import { tls } from './tls.ts'

const DIAL_TIMEOUT_MS = 15_000
const UPGRADE_TIMEOUT_MS = 10_000
/** Inbound connections that are being negotiated. */
const PENDING_INBOUND_MAX = 256
/** Bytes that a stream holds for a reader, or a peer, that is slow; beyond that it is reset. */
const STREAM_BUFFER_BYTES_MAX = 4 * 1024 * 1024
const STREAMS_MAX = 1_000

export interface OptionsInput {
  readonly base: PartBase
  readonly privateKey: PrivateKey
  readonly listen: readonly string[]
  readonly limits: ConnectionLimits
  readonly max: { readonly connections: number; readonly dials: number }
  readonly services: Services
  readonly onError: ErrorListener
}

/** Returns what libp2p is made of, for a node with this config. */
export function libp2pOptions(input: OptionsInput): Libp2pOptions {
  const { base, max } = input
  return {
    start: false,
    privateKey: input.privateKey,
    nodeInfo: { name: 'tsipfs', userAgent: agentVersion(base.config) },
    logger: quietLogger(input.onError),
    addresses: { listen: [...input.listen] },
    transportManager: { faultTolerance: FaultTolerance.NO_FATAL },
    transports: [tcp(), webSockets()],
    connectionEncrypters: [tls(), noise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: STREAMS_MAX,
        maxOutboundStreams: STREAMS_MAX,
        streamOptions: {
          maxReadBufferLength: STREAM_BUFFER_BYTES_MAX,
          maxWriteBufferLength: STREAM_BUFFER_BYTES_MAX,
        },
      }),
    ],
    connectionGater: input.limits.gater(),
    connectionManager: {
      maxConnections: max.connections,
      maxParallelDials: max.dials,
      dialTimeout: DIAL_TIMEOUT_MS,
      inboundUpgradeTimeout: UPGRADE_TIMEOUT_MS,
      maxIncomingPendingConnections: PENDING_INBOUND_MAX,
      // The gater counts what is open for each network, as the reference implementation does.
      inboundConnectionThreshold: Number.MAX_SAFE_INTEGER,
    },
    connectionMonitor: { enabled: true },
    services: { identify: identify(), identifyPush: identifyPush(), ping: ping(), ...input.services },
  }
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
