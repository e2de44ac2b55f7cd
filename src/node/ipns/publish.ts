import { Failure } from '../../contract/failure.ts'
import { type PrivateKey, peerIdBytes } from '../../repo/keys.ts'
import type { Waiting } from '../../repo/roles.ts'
import type { Network } from '../network/network.ts'
import { textsAt } from '../network/settings.ts'
import type { Node } from '../node.ts'
import { formatName } from './name.ts'
import { createRecord, type NameRecord, parseRecord, sequenceOf, targetOf } from './record.ts'
import { keepFetched, publishedKey } from './stored-names.ts'

/** https://specs.ipfs.tech/ipns/ipns-record/: how long a record counts when nobody says, as in Kubo. */
export const LIFETIME_DEFAULT_MS = 48 * 3_600_000
export const TTL_DEFAULT_MS = 5 * 60_000
/** How long others are asked for a record that this repo does not know of. */
const LOOKUP_TIMEOUT_MS = 30_000
/** How often another process may come in between. */
const ATTEMPTS_MAX = 100

/** `network`: others must take it. `here`: it is stored, and told others when that can be done. `delegated`: HTTP only. */
export type PublishMode = 'network' | 'here' | 'delegated'

export interface PublishRequest {
  readonly target: string
  readonly lifetimeMs: number
  readonly ttlMs: number
  readonly v1compat: boolean
  readonly sequence?: bigint | undefined
  readonly mode: PublishMode
}

type PublishNode = Pick<Node, 'repo' | 'network' | 'globals' | 'daemon'>

/**
 * Signs a record, stores it and hands it to the network, as `mode` says. Returns the name. What is stored is published
 * by the next daemon, too.
 */
export async function publishName(
  node: PublishNode,
  key: PrivateKey,
  request: PublishRequest,
  options: Waiting = {},
): Promise<Uint8Array> {
  const name = peerIdBytes(key.publicKey)
  const network = await networkFor(node, request.mode, options)
  const record = await storeRecord(node, key, request, network, options)
  await keepFetched(node.repo, name, { bytes: record.bytes, fetchedAt: Date.now() })
  await sendRecord(node, name, record.bytes, request.mode, network, options)
  return name
}

/** Returns the network that a record is to be handed to; undefined when it is only stored. */
export async function networkFor(node: PublishNode, mode: PublishMode, options: Waiting): Promise<Network | undefined> {
  if (mode === 'network') return await node.network({ signal: options.signal })
  return mode === 'here' && node.daemon !== undefined && !node.globals.offline
    ? await node.network({ signal: options.signal })
    : undefined
}

/** Hands a record to others. A daemon keeps trying: there it is no failure that nobody takes it now. */
export async function sendRecord(
  node: PublishNode,
  name: Uint8Array,
  record: Uint8Array,
  mode: PublishMode,
  network: Network | undefined,
  options: Waiting,
): Promise<void> {
  if (mode === 'delegated') {
    const { putToPublishers } = await import('../network/delegated-publishers.ts')
    await putToPublishers(await delegatedPublishers(node), name, record, options)
    return
  }
  if (network === undefined) return
  try {
    await network.naming.put(name, record, options)
  } catch (error) {
    options.signal?.throwIfAborted()
    if (!(error instanceof Failure)) throw error
    if (mode === 'here' || node.daemon !== undefined) return
    throw new Failure('network', `can't publish while offline: nobody took the record of ${formatName(name)}`, {
      hint: 'it is stored, and a daemon will publish it; pass --allow-offline to only store it',
      cause: error,
    })
  }
}

/** Returns the URLs of `Ipns.DelegatedPublishers`. Throws `failed`, in Kubo's words, when there is none. */
export async function delegatedPublishers(node: Pick<Node, 'repo'>): Promise<string[]> {
  const urls = textsAt(await node.repo.config.read(), 'Ipns.DelegatedPublishers').filter(url => url !== 'auto')
  if (urls.length > 0) return urls
  throw new Failure(
    'failed',
    'no delegated publishers configured: add Ipns.DelegatedPublishers or use --allow-offline for local-only publishing',
  )
}

/** Signs a record that follows on the one before, and stores it. Two processes never give out one number twice. */
async function storeRecord(
  node: PublishNode,
  key: PrivateKey,
  request: PublishRequest,
  network: Network | undefined,
  options: Waiting,
): Promise<NameRecord> {
  const name = peerIdBytes(key.publicKey)
  const place = publishedKey(name)
  const { values } = node.repo
  const validUntilMs = Date.now() + request.lifetimeMs
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const stored = await values.get(place)
    const before = stored ?? (await recordOfOthers(network, name, options))
    const sequence = await nextSequence(before === undefined ? undefined : parseRecord(before), request)
    const record = await createRecord(key, { ...request, value: request.target, sequence, validUntilMs })
    if (await values.compareAndSwap(place, stored, record.bytes)) return record
    options.signal?.throwIfAborted()
  }
  throw new Failure('failed', `other processes keep publishing ${formatName(name)}`)
}

async function nextSequence(before: NameRecord | undefined, request: PublishRequest): Promise<bigint> {
  const present = before === undefined ? undefined : sequenceOf(before)
  if (request.sequence !== undefined) {
    if (request.sequence > (present ?? 0n)) return request.sequence
    throw new Failure('failed', 'sequence number must be greater than the current record sequence', {
      hint: `use one above ${present ?? 0n}`,
    })
  }
  if (before === undefined || present === undefined) return 0n
  return (await targetOf(before)) === request.target ? present : BigInt.asUintN(64, present + 1n)
}

async function recordOfOthers(
  network: Network | undefined,
  name: Uint8Array,
  options: Waiting,
): Promise<Uint8Array | undefined> {
  if (network === undefined) return undefined
  const limit = AbortSignal.timeout(LOOKUP_TIMEOUT_MS)
  const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit])
  let best: Uint8Array | undefined
  try {
    for await (const record of network.naming.get(name, { signal })) best = record
  } catch (error) {
    options.signal?.throwIfAborted()
    // A record that nobody can tell us of is as good as none.
    if (!(error instanceof Failure) && !limit.aborted) throw error
  }
  return best
}
