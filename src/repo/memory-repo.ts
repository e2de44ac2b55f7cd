import { Failure } from '../contract/failure.ts'
import { BlockIndex } from './block-index.ts'
import { Checker, type CheckOther } from './check.ts'
import { defaultConfig } from './config-defaults.ts'
import { applyOverrides, type Override } from './config-overrides.ts'
import { completeConfig, problemOf, valueAt } from './config-values.ts'
import { Filestore } from './filestore.ts'
import { generateKey, marshalPrivateKey, marshalPublicKey, peerIdText, unmarshalPrivateKey } from './keys.ts'
import { memoryBlocks } from './memory.ts'
import { StoredPins } from './pins.ts'
import type { Profile } from './profiles.ts'
import type { Blocks, Config, ConfigStore, Keystore, Maintenance, Repo, RepoStat } from './roles.ts'
import { State } from './state.ts'
import { StoredValues } from './values.ts'

/** The path of a repo that has none. */
const MEMORY_PATH = ':memory:'

/** How a repo in memory is made. */
export interface MemoryRepoOptions {
  readonly profiles?: readonly Profile[] | undefined
  /** Values that differ from the default, after the profiles. */
  readonly overrides?: readonly Override[] | undefined
  readonly checkOther?: CheckOther | undefined
}

/** Returns an empty repo, with a fresh identity, that lives in memory and ends when it is closed. */
export async function memoryRepo(options: MemoryRepoOptions = {}): Promise<Repo> {
  const key = await generateKey('ed25519')
  const privateKey = Buffer.from(marshalPrivateKey(key)).toString('base64')
  const config = completeConfig(defaultConfig({ peerId: peerIdText(key.publicKey), privateKey }))
  for (const profile of options.profiles ?? []) await profile.transform(config)
  applyOverrides(config, options.overrides ?? [])
  const state = State.inMemory()
  const blocks = memoryBlocks({ checkOther: options.checkOther })
  const flushing = { flushWith: (also: () => void) => state.write(also) }
  const journal = { append: () => undefined, settled: async () => undefined }
  return {
    path: MEMORY_PATH,
    readOnly: false,
    config: memoryConfig(config),
    blocks,
    pins: new StoredPins(state, journal, flushing),
    values: new StoredValues(state, journal, flushing),
    keystore: memoryKeystore(),
    maintenance: memoryMaintenance(blocks),
    filestore: new Filestore(state, new BlockIndex(state), new Checker(options.checkOther)),
    epoch: async () => 0,
    stat: () => memoryStat(blocks),
    diskBytes: async () => 0,
    changes: () => state.changes(),
    [Symbol.asyncDispose]: async () => state[Symbol.dispose](),
  }
}

function memoryConfig(initial: Config): ConfigStore {
  let config = initial
  const read = async (): Promise<Config> => structuredClone(config)
  return {
    read,
    readFile: read,
    async update(change) {
      const changed = change(structuredClone(config))
      const problem = problemOf(changed)
      if (problem !== undefined) throw new Failure('usage', problem)
      config = changed
    },
    get: async key => structuredClone(valueAt(config, key)),
  }
}

function memoryKeystore(): Keystore {
  const keys = new Map<string, Uint8Array>()
  const get = async (name: string): Promise<Uint8Array> => {
    const key = keys.get(name)
    if (key === undefined) throw new Failure('not-found', `no key by the given name was found: ${name}`)
    return key
  }
  const put = async (name: string, key: Uint8Array, options: { replace?: boolean; encrypt?: boolean } = {}) => {
    if (options.encrypt === true) throw new Failure('usage', 'keys in memory are not encrypted')
    if (keys.has(name) && options.replace !== true)
      throw new Failure('failed', `key with name '${name}' already exists`)
    keys.set(name, key)
  }
  return {
    get,
    publicKey: async name => marshalPublicKey((await unmarshalPrivateKey(await get(name))).publicKey),
    async isEncrypted(name) {
      await get(name)
      return false
    },
    put,
    async delete(name) {
      await get(name)
      keys.delete(name)
    },
    async rename(from, to, options) {
      await put(to, await get(from), options)
      if (from !== to) keys.delete(from)
    },
    list: async () => [...keys.keys()].sort(),
  }
}

function memoryMaintenance(blocks: Blocks): Maintenance {
  return {
    async beginCollection() {
      return {
        async *sweep({ keep, dryRun = false, bytesMax = Number.POSITIVE_INFINITY, signal }) {
          let freed = 0
          for await (const { cid, size } of blocks.list()) {
            signal?.throwIfAborted()
            if (keep(cid.multihash.bytes)) continue
            if (!dryRun) await blocks.delete(cid)
            yield { multihash: cid.multihash.bytes, size }
            freed += size
            if (freed >= bytesMax) return
          }
        },
        async [Symbol.asyncDispose]() {
          // Nothing was locked.
        },
      }
    },
    async *verify({ signal }) {
      for await (const { cid } of blocks.list()) {
        signal?.throwIfAborted()
        const isSound = await blocks.get(cid).then(
          () => true,
          () => false,
        )
        if (!isSound) yield { kind: 'damaged', cid, reason: 'flipped' }
      }
    },
  }
}

async function memoryStat(blocks: Blocks): Promise<RepoStat> {
  let count = 0
  let bytes = 0
  for await (const { size } of blocks.list()) {
    count += 1
    bytes += size
  }
  return { path: MEMORY_PATH, blocks: count, blockBytes: bytes, diskBytes: 0, packs: 0, version: 0 }
}
