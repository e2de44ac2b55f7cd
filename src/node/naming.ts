import { Failure } from '../contract/failure.ts'
import type { Waiting } from '../repo/roles.ts'
import type { NameRecord } from './ipns/record.ts'
import type { Node } from './node.ts'

/** What of a node is needed to find out where a name points. */
export type NamingNode = Pick<Node, 'repo'> & Partial<Pick<Node, 'network' | 'globals' | 'askName'>>

export interface ResolveNameOptions extends Waiting {
  /** How many names are followed: 1 resolves a single step. */
  readonly depthMax?: number | undefined
  /** How many records are asked of the DHT before the best one counts. */
  readonly recordsMax?: number | undefined
  /** How long records are collected, in milliseconds; 0: no limit. */
  readonly collectMs?: number | undefined
  /** What was found before does not count. */
  readonly nocache?: boolean | undefined
}

/** How many names are followed when nobody says otherwise, as in Kubo. */
const DEPTH_MAX = 32
const RECORDS_MAX = 16
const COLLECT_MS = 60_000
/** For how long a record counts that does not say. */
const TTL_DEFAULT_MS = 60_000

/**
 * Returns the path that `/ipns/<name>` points to: `/ipfs/…`, or with `depthMax` possibly another `/ipns/…`. The name is
 * a key's, or a domain with a DNSLink. Throws `not-found` when nobody who may be asked knows the name.
 */
export async function resolveName(node: NamingNode, name: string, options: ResolveNameOptions = {}): Promise<string> {
  let target: string | undefined
  for await (const found of searchName(node, name, options)) target = found
  if (target === undefined) throw unresolved(node, name)
  return target
}

/** Yields what a name points to as records are found, each newer than the one before. Throws as `resolveName` does. */
export async function* searchName(
  node: NamingNode,
  name: string,
  options: ResolveNameOptions = {},
): AsyncIterable<string> {
  const isSingle = options.depthMax === 1
  for await (const target of stepsFrom(node, name, options)) {
    yield isSingle ? target : await follow(node, target, (options.depthMax ?? DEPTH_MAX) - 1, options)
  }
}

/** Follows a path for as long as it begins with a name. */
async function follow(
  node: NamingNode,
  target: string,
  depthMax: number,
  options: ResolveNameOptions,
): Promise<string> {
  const { parsePath } = await import('./path.ts')
  let at = target
  for (let depth = depthMax; ; depth -= 1) {
    const path = parsePath(at)
    if (path.namespace !== 'ipns') return at
    if (depth <= 0) throw new Failure('failed', 'could not resolve name (recursion limit exceeded)')
    let next: string | undefined
    for await (const found of stepsFrom(node, path.root, options)) next = found
    if (next === undefined) throw unresolved(node, path.root)
    at = [next.replace(/\/$/, ''), ...path.segments].join('/')
  }
}

/** Yields what a name points to, a single step far. */
async function* stepsFrom(node: NamingNode, name: string, options: ResolveNameOptions): AsyncIterable<string> {
  options.signal?.throwIfAborted()
  const fixed = fixedTarget(name)
  if (fixed !== undefined) {
    yield fixed
    return
  }
  const { nameOrNothing } = await import('./ipns/name.ts')
  const multihash = nameOrNothing(name)
  if (multihash !== undefined) {
    yield* recordTargets(node, multihash, options)
    return
  }
  const { isDomainName, resolveDnslink } = await import('./ipns/dnslink.ts')
  await refuseForeignCid(name)
  if (!isDomainName(name)) throw new Failure('usage', `cannot resolve: ${JSON.stringify(`/ipns/${name}`)}`)
  yield await resolveDnslink(node.repo, name, { ...options, offline: node.globals?.offline === true })
}

/** Yields what the records of a key point to; those of others come from the daemon on this repo, if there is one. */
async function* recordTargets(node: NamingNode, name: Uint8Array, options: ResolveNameOptions): AsyncIterable<string> {
  const [{ targetOf }, { formatName }] = await Promise.all([import('./ipns/record.ts'), import('./ipns/name.ts')])
  const here = options.nocache === true ? undefined : await recordHere(node, name)
  if (node.globals?.offline !== true && here?.isFresh !== true) {
    const target = await node.askName?.(formatName(name), options)
    if (target !== undefined) {
      yield target
      return
    }
  }
  for await (const record of searchRecords(node, name, options)) yield await targetOf(record)
}

/**
 * Yields valid records of a name (the multihash of its key): the one that is here, then newer ones of the network, which
 * is not asked while the one that is here may be used.
 */
export async function* searchRecords(
  node: NamingNode,
  name: Uint8Array,
  options: ResolveNameOptions,
): AsyncIterable<NameRecord> {
  const [{ compareRecords, parseRecord }, { keepFetched }] = await Promise.all([
    import('./ipns/record.ts'),
    import('./ipns/stored-names.ts'),
  ])
  const here = await recordHere(node, name)
  if (here !== undefined) {
    yield here.record
    if (here.isFresh && options.nocache !== true) return
  }
  let best = here?.record
  let isAnswered = false
  for await (const bytes of recordsOfNetwork(node, name, options, best !== undefined)) {
    isAnswered = true
    const record = parseRecord(bytes)
    if (best !== undefined && compareRecords(record, best) <= 0) continue
    best = record
    yield record
  }
  if (isAnswered && best !== undefined) await keepFetched(node.repo, name, { bytes: best.bytes, fetchedAt: Date.now() })
}

/** Returns the newest record in the repo that has not expired, and whether it may be used without asking others. */
async function recordHere(node: NamingNode, name: Uint8Array) {
  const [
    { checkRecord, compareRecords, parseRecord, ttlOf },
    { fetchedRecord, heldRecord, publishedRecord },
    { durationAt },
  ] = await Promise.all([import('./ipns/record.ts'), import('./ipns/stored-names.ts'), import('./network/settings.ts')])
  const { values, config } = node.repo
  const fetched = await fetchedRecord(values, name)
  const stored = [fetched?.bytes, await publishedRecord(values, name), await heldRecord(values, name)]
  const found = stored.filter(bytes => bytes !== undefined)
  const valid = []
  for (const bytes of found) {
    try {
      const record = parseRecord(bytes)
      await checkRecord(record, name)
      valid.push(record)
    } catch (error) {
      // It has expired, most likely; whatever is wrong with it, it does not count.
      if (!(error instanceof Failure)) throw error
    }
  }
  const record = valid.sort(compareRecords).at(-1)
  if (record === undefined) return undefined
  const ttl = ttlOf(record)
  const longestMs = durationAt(await config.read(), 'Ipns.MaxCacheTTL', Number.POSITIVE_INFINITY)
  const ttlMs = Math.min(ttl === undefined ? TTL_DEFAULT_MS : Number(ttl) / 1e6, longestMs)
  return { record, isFresh: fetched !== undefined && fetched.fetchedAt + ttlMs > Date.now() }
}

/** Yields valid records of a name from the network. One that is here already makes up for a network that fails. */
async function* recordsOfNetwork(
  node: NamingNode,
  name: Uint8Array,
  options: ResolveNameOptions,
  isHere: boolean,
): AsyncIterable<Uint8Array> {
  if (node.network === undefined || node.globals?.offline === true) return
  const collectMs = options.collectMs ?? COLLECT_MS
  const signals = [options.signal, collectMs === 0 ? undefined : AbortSignal.timeout(collectMs)]
  const signal = AbortSignal.any(signals.filter(each => each !== undefined))
  try {
    const network = await node.network({ signal: options.signal })
    yield* network.naming.get(name, { signal, recordsMax: options.recordsMax ?? RECORDS_MAX })
  } catch (error) {
    options.signal?.throwIfAborted()
    if (!signal.aborted && !(isHere && error instanceof Failure)) throw error
  }
}

/** Returns what `IPFS_NS_MAP` (`name:/ipfs/…,name:/ipfs/…`) says of a name. */
function fixedTarget(name: string): string | undefined {
  for (const pair of (process.env.IPFS_NS_MAP ?? '').split(',')) {
    const colon = pair.indexOf(':')
    if (colon > 0 && pair.slice(0, colon) === name) return pair.slice(colon + 1)
  }
  return undefined
}

/** A CID that stands for content is no name, though it looks like a domain: that is said, with the name it may mean. */
async function refuseForeignCid(name: string): Promise<void> {
  const [{ CidError, decodeCid }, { formatName, isNameHash }] = await Promise.all([
    import('./cid.ts'),
    import('./ipns/name.ts'),
  ])
  try {
    const { cid } = decodeCid(name)
    if (cid.version !== 1 || !isNameHash(cid.multihash.bytes)) return
    throw new Failure('usage', 'peer ID represented as CIDv1 require libp2p-key multicodec', {
      hint: `retry with /ipns/${formatName(cid.multihash.bytes)}`,
    })
  } catch (error) {
    if (!(error instanceof CidError)) throw error
  }
}

function unresolved(node: NamingNode, name: string): Failure {
  const hint = node.globals?.offline === true ? 'leave out --offline to ask the network' : undefined
  return new Failure('not-found', `could not resolve name: /ipns/${name}`, { hint, data: { name } })
}
