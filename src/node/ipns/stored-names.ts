import { base32upper } from 'multiformats/bases/base32'
import type { Repo, Values } from '../../repo/roles.ts'
import { numberAt } from '../network/settings.ts'

/** Records that this repo has published, as Kubo names them: journalled, they cannot be found anew. */
const PUBLISHED = '/ipns/'
/** Records of others that this repo was told to hold. */
const HELD = '/local/ipns/'
/** Records of others, each after the time at which it was fetched. */
const FETCHED = '/cache/ipns/'
/** Answers of DNS. */
const DNSLINK = '/cache/dnslink/'
/** `Ipns.ResolveCacheSize`, when it is not set. */
const CACHE_SIZE_DEFAULT = 128

export interface FetchedRecord {
  readonly bytes: Uint8Array
  /** In milliseconds since 1970. */
  readonly fetchedAt: number
}

export interface CachedLink {
  readonly target: string
  /** In milliseconds since 1970. */
  readonly expiresAt: number
}

type Store = Pick<Repo, 'values' | 'config' | 'readOnly'>

/** Returns the key of `Values` at which the record that this repo has published for a name stands. */
export function publishedKey(name: Uint8Array): string {
  return PUBLISHED + base32upper.baseEncode(name)
}

/** Returns the record that this repo has published for a name. */
export function publishedRecord(values: Pick<Values, 'get'>, name: Uint8Array): Promise<Uint8Array | undefined> {
  return values.get(publishedKey(name))
}

/** Returns the record that this repo was told to hold for a name. */
export function heldRecord(values: Pick<Values, 'get'>, name: Uint8Array): Promise<Uint8Array | undefined> {
  return values.get(HELD + base32upper.baseEncode(name))
}

/** Holds a record that somebody else has signed. */
export async function holdRecord(values: Pick<Values, 'put'>, name: Uint8Array, record: Uint8Array): Promise<void> {
  await values.put(HELD + base32upper.baseEncode(name), record)
}

/** Returns the record that was fetched for a name, expired or not. */
export async function fetchedRecord(values: Pick<Values, 'get'>, name: Uint8Array): Promise<FetchedRecord | undefined> {
  const stored = await values.get(FETCHED + base32upper.baseEncode(name))
  if (stored === undefined || stored.length < 8) return undefined
  const fetchedAt = Number(new DataView(stored.buffer, stored.byteOffset).getBigUint64(0))
  return { bytes: stored.slice(8), fetchedAt }
}

/** Keeps a record that was fetched, and drops the oldest when there are too many. */
export async function keepFetched(store: Store, name: Uint8Array, record: FetchedRecord): Promise<void> {
  const value = new Uint8Array(8 + record.bytes.length)
  new DataView(value.buffer).setBigUint64(0, BigInt(Math.round(record.fetchedAt)))
  value.set(record.bytes, 8)
  await keep(store, FETCHED, base32upper.baseEncode(name), value)
}

/** Returns what DNS said of a domain, when that still counts. */
export async function cachedLink(values: Pick<Values, 'get'>, domain: string): Promise<string | undefined> {
  const stored = await values.get(DNSLINK + domain)
  if (stored === undefined || stored.length < 8) return undefined
  const expiresAt = Number(new DataView(stored.buffer, stored.byteOffset).getBigUint64(0))
  return expiresAt > Date.now() ? new TextDecoder().decode(stored.subarray(8)) : undefined
}

/** Keeps what DNS said of a domain. */
export async function keepLink(store: Store, domain: string, link: CachedLink): Promise<void> {
  const text = new TextEncoder().encode(link.target)
  const value = new Uint8Array(8 + text.length)
  new DataView(value.buffer).setBigUint64(0, BigInt(Math.round(link.expiresAt)))
  value.set(text, 8)
  await keep(store, DNSLINK, domain, value)
}

async function keep(store: Store, prefix: string, key: string, value: Uint8Array): Promise<void> {
  // Nothing is lost by what a cache does not hold.
  if (store.readOnly) return
  const entries: { key: string; at: bigint }[] = []
  for await (const entry of store.values.list(prefix)) {
    if (entry.key === prefix + key || entry.value.length < 8) continue
    entries.push({ key: entry.key, at: new DataView(entry.value.buffer, entry.value.byteOffset).getBigUint64(0) })
  }
  const sizeMax = numberAt(await store.config.read(), 'Ipns.ResolveCacheSize', 0) || CACHE_SIZE_DEFAULT
  const changes = new Map<string, Uint8Array | undefined>([[prefix + key, value]])
  entries.sort((one, other) => (one.at < other.at ? -1 : 1))
  for (const old of entries.slice(0, Math.max(0, entries.length + 1 - sizeMax))) changes.set(old.key, undefined)
  await store.values.batch(changes)
}
