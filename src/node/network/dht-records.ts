import { Libp2pRecord } from '@libp2p/record'
import { BaseDatastore } from 'datastore-core'
import type { Pair, Query } from 'interface-datastore'
import { Key } from 'interface-datastore'
import { base32 } from 'multiformats/bases/base32'
import { Failure } from '../../contract/failure.ts'
import type { Values } from '../../repo/roles.ts'
import { compareRecords, parseRecord } from '../ipns/record.ts'

/** Records count for so long. https://github.com/libp2p/specs/tree/master/kad-dht#rpc-messages */
const VALIDITY_MS = 48 * 3_600_000
/** All records together; what comes when they fill it is not kept. */
const BYTES_MAX = 32 * 1024 * 1024
/** What a record takes beside its key and value. */
const RECORD_BYTES = 128
const WRITE_DELAY_MS = 2_000
const SWEEP_PERIOD_MS = 3_600_000
const PREFIX = '/dht/'
const PROVIDER = '/provider/'

/**
 * Keeps what the DHT is asked to hold: who provides what, and signed values. All of it is in memory, up to a limit, and
 * is written behind to the values of the repo, if any: what a crash loses others bring again. A value never replaces a
 * newer one.
 */
export class DhtRecords extends BaseDatastore {
  /** By folder (`/dht/lan/provider/<hash>`), then by name. */
  readonly #folders = new Map<string, Map<string, Uint8Array>>()
  readonly #values: Pick<Values, 'list' | 'batch'> | undefined
  readonly #unwritten = new Map<string, Uint8Array | undefined>()
  #bytes = 0
  #writeTimer: NodeJS.Timeout | undefined
  #sweepTimer: NodeJS.Timeout | undefined

  constructor(values: Pick<Values, 'list' | 'batch'> | undefined) {
    super()
    this.#values = values
  }

  get bytes(): number {
    return this.#bytes
  }

  async start(): Promise<void> {
    if (this.#values === undefined) return
    for await (const { key, value } of this.#values.list(PREFIX)) {
      if (isExpired(key, value)) this.#unwritten.set(key, undefined)
      else this.#set(key, value)
    }
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_PERIOD_MS)
    this.#sweepTimer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweepTimer)
    await this.flush()
  }

  /** Writes what has not been written. */
  async flush(): Promise<void> {
    clearTimeout(this.#writeTimer)
    this.#writeTimer = undefined
    if (this.#values === undefined || this.#unwritten.size === 0) return
    const changes = new Map(this.#unwritten)
    this.#unwritten.clear()
    await this.#values.batch(changes)
  }

  override async put(key: Key, value: Uint8Array): Promise<Key> {
    const name = key.toString()
    const present = this.#find(name)
    if (present !== undefined && isNewer(present, value)) return key
    if (present === undefined && this.#bytes + sizeOf(name, value) > BYTES_MAX) return key
    const kept = name.includes(PROVIDER) ? withFirst(value, present) : Uint8Array.from(value)
    this.#set(name, kept)
    this.#willWrite(name, kept)
    return key
  }

  /** Returns when a peer first said that it provides what has this multihash, and when last, without a gap of 48 hours. */
  provided(dht: string, multihash: Uint8Array, peer: string): { first: number; last: number } | undefined {
    const value = this.#find(`${PREFIX}${dht}${PROVIDER}${base32.baseEncode(multihash)}/${peer}`)
    if (value === undefined) return undefined
    const length = varintLength(value)
    const last = varint(value)
    return { first: length < value.length ? varint(value.subarray(length)) : last, last }
  }

  override async get(key: Key): Promise<Uint8Array> {
    const value = this.#find(key.toString())
    // The error that a datastore is expected to throw, which is told by its name.
    if (value === undefined) throw Object.assign(new Error(`${key} is not here`), { name: 'NotFoundError' })
    return value
  }

  override async has(key: Key): Promise<boolean> {
    return this.#find(key.toString()) !== undefined
  }

  override async delete(key: Key): Promise<void> {
    this.#remove(key.toString())
  }

  override async *query(query: Query): AsyncGenerator<Pair> {
    const prefix = query.prefix ?? '/'
    const folder = this.#folders.get(prefix.replace(/\/$/, ''))
    const folders = folder === undefined ? [...this.#folders] : [[prefix.replace(/\/$/, ''), folder] as const]
    for (const [path, names] of folders) {
      for (const [name, value] of [...names]) {
        const key = `${path}/${name}`
        if (key.startsWith(prefix)) yield { key: new Key(key, false), value }
      }
    }
  }

  #find(key: string): Uint8Array | undefined {
    const [folder, name] = split(key)
    return this.#folders.get(folder)?.get(name)
  }

  #set(key: string, value: Uint8Array): void {
    const [folder, name] = split(key)
    let names = this.#folders.get(folder)
    if (names === undefined) {
      names = new Map()
      this.#folders.set(folder, names)
    }
    const old = names.get(name)
    if (old !== undefined) this.#bytes -= sizeOf(key, old)
    names.set(name, value)
    this.#bytes += sizeOf(key, value)
  }

  #remove(key: string): void {
    const [folder, name] = split(key)
    const names = this.#folders.get(folder)
    const old = names?.get(name)
    if (names === undefined || old === undefined) return
    names.delete(name)
    if (names.size === 0) this.#folders.delete(folder)
    this.#bytes -= sizeOf(key, old)
    this.#willWrite(key, undefined)
  }

  #sweep(): void {
    for (const [folder, names] of [...this.#folders]) {
      for (const [name, value] of [...names]) {
        if (isExpired(`${folder}/${name}`, value)) this.#remove(`${folder}/${name}`)
      }
    }
  }

  #willWrite(key: string, value: Uint8Array | undefined): void {
    if (this.#values === undefined) return
    this.#unwritten.set(key, value)
    this.#writeTimer ??= setTimeout(() => {
      // What could not be written now is written with the next change, or not at all: others have it too.
      this.flush().catch(() => undefined)
    }, WRITE_DELAY_MS).unref()
  }
}

function split(key: string): [folder: string, name: string] {
  const slash = key.lastIndexOf('/')
  return [key.slice(0, slash), key.slice(slash + 1)]
}

function sizeOf(key: string, value: Uint8Array): number {
  return key.length + value.length + RECORD_BYTES
}

function isExpired(key: string, value: Uint8Array): boolean {
  try {
    const at = key.includes('/record/') ? Libp2pRecord.deserialize(value).timeReceived?.getTime() : varint(value)
    return at === undefined || at + VALIDITY_MS < Date.now()
  } catch {
    // What cannot be read is of no use.
    return true
  }
}

/** Returns true when the record that is here is an IPNS record, and newer than the other one. */
function isNewer(present: Uint8Array, other: Uint8Array): boolean {
  try {
    const one = Libp2pRecord.deserialize(present)
    if (!Buffer.from(one.key).toString('latin1').startsWith('/ipns/')) return false
    return compareRecords(parseRecord(one.value), parseRecord(Libp2pRecord.deserialize(other).value)) > 0
  } catch (error) {
    // The time of a provider is no record; and what is no record of IPNS is not kept against one that is.
    if (error instanceof Failure || error instanceof Error) return false
    throw error
  }
}

/** Returns the time of a provider with the time when it first came behind it, which readers of the record do not see. */
function withFirst(value: Uint8Array, present: Uint8Array | undefined): Uint8Array {
  if (present === undefined || varint(present) + VALIDITY_MS < Date.now()) return Uint8Array.from(value)
  const length = varintLength(present)
  const first = length < present.length ? present.subarray(length) : present
  return Uint8Array.from([...value, ...first])
}

function varintLength(bytes: Uint8Array): number {
  return bytes.findIndex(byte => byte < 0x80) + 1
}

/** Returns the number at the beginning. */
function varint(bytes: Uint8Array): number {
  let value = 0
  let scale = 1
  for (const byte of bytes) {
    value += (byte & 0x7f) * scale
    if (byte < 0x80) break
    scale *= 128
  }
  return value
}
