import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { base32 } from 'multiformats/bases/base32'
import { base64url } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import type { Pin } from '../repo/roles.ts'
import { decodeCbor } from './dag-cbor.ts'
import { readLevelDb } from './import-kubo-leveldb.ts'

/** A block of a Kubo repo that has not been read. */
export interface KuboBlock {
  /** Found by its multihash; the codec is not known. */
  readonly cid: CID
  /** How it is called there. */
  readonly name: string
}

/** What is to be moved out of a Kubo repo. Nothing is ever written there. */
export interface KuboSource {
  /** Yields all blocks, in batches that fit into memory, each with the share of the whole that is done after it. */
  blocks(
    signal: AbortSignal | undefined,
  ): AsyncIterable<{ readonly batch: readonly KuboBlock[]; readonly share: number }>
  /** Returns the bytes of a block, unchecked. */
  read(block: KuboBlock): Promise<Uint8Array>
  /** Returns the pins with their names, the MFS root, and the blocks that lie in files of the user. */
  state(signal: AbortSignal | undefined): Promise<KuboState>
}

export interface KuboState {
  readonly pins: readonly Pin[]
  readonly mfsRoot: CID | undefined
  /** Blocks that were added without copying: they are not in the repo. */
  readonly fileBlocks: number
}

const DAG_PB = 0x70
const BATCH_BLOCKS = 1024

/** Returns a repo whose blocks are in flatfs, and all else in LevelDB: Kubo's default. */
export function diskSource(blocksFolder: string, datastoreFolder: string): KuboSource {
  return {
    async *blocks(signal) {
      const shards = await shardsOf(blocksFolder)
      for (const [at, shard] of shards.entries()) {
        signal?.throwIfAborted()
        const blocks = (await list(join(blocksFolder, shard)))
          .filter(name => name.endsWith('.data'))
          .map(name => ({ cid: cidOfFile(join(blocksFolder, shard, name), name), name: join(shard, name) }))
        for (let from = 0; from < blocks.length; from += BATCH_BLOCKS) {
          const batch = blocks.slice(from, from + BATCH_BLOCKS)
          yield { batch, share: (at + (from + batch.length) / blocks.length) / shards.length }
        }
      }
    },
    async read({ name }) {
      const path = join(blocksFolder, name)
      try {
        return await readFile(path)
      } catch (error) {
        throw systemFailure(error, path)
      }
    },
    async state(signal) {
      const entries = await readLevelDb(datastoreFolder, [PIN_PREFIX, MFS_ROOT, FILE_PREFIX], signal)
      const pins: Pin[] = []
      let mfsRoot: CID | undefined
      let fileBlocks = 0
      for (const [key, value] of entries) {
        if (key.startsWith(PIN_PREFIX)) pins.push(decodePin(value, key))
        else if (key === MFS_ROOT) mfsRoot = CID.decode(value)
        else if (key.startsWith(FILE_PREFIX)) fileBlocks += 1
      }
      return { pins, mfsRoot, fileBlocks }
    },
  }
}

const PIN_PREFIX = '/pins/pin/'
const MFS_ROOT = '/local/filesroot'
const FILE_PREFIX = '/filestore/'

async function shardsOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(error => {
    throw systemFailure(error, folder)
  })
  return entries
    .filter(entry => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(entry => entry.name)
    .sort()
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (error) {
    // A daemon that works on it removes folders that became empty.
    if (errorCode(error) === 'ENOENT') return []
    throw systemFailure(error, folder)
  }
}

/** Returns the CID of a block by the name of its file: its multihash, or in old repos its CID, in base32. */
function cidOfFile(path: string, name: string): CID {
  try {
    const bytes = base32.decode(`b${name.slice(0, -'.data'.length).toLowerCase()}`)
    return bytes[0] === 1 && bytes.length > 34 ? CID.decode(bytes) : CID.createV1(DAG_PB, Digest.decode(bytes))
  } catch (error) {
    throw new Failure('failed', `${path} is not named after a block`, { cause: error })
  }
}

/** Returns a pin as boxo's pinner stores it: a CBOR map of `cid`, `mode`, `name` and `metadata`. */
export function decodePin(bytes: Uint8Array, key: string): Pin {
  const value = decodeCbor(bytes, { links: false })
  if (value instanceof Map) {
    const [cid, mode, name] = [value.get('cid'), Number(value.get('mode')), value.get('name') ?? '']
    if (cid instanceof Uint8Array && (mode === 0 || mode === 1) && typeof name === 'string') {
      return { cid: CID.decode(cid), mode: mode === 0 ? 'recursive' : 'direct', name }
    }
  }
  throw new Failure('failed', `the pin ${key} cannot be read`, { data: { bytes: base64url.encode(bytes) } })
}
