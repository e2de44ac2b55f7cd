import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import { syncFolder } from './durable.ts'
import { FLATFS_SHARDING, FlatfsSharding } from './flatfs-sharding.ts'
import type { Blocks, Waiting } from './roles.ts'

const FILES_AT_ONCE = 16

/** How far an export is, or what came of it. */
export interface FlatfsExport {
  /** Blocks that were looked at. */
  readonly blocks: number
  /** Blocks that were there already. */
  readonly present: number
  /** Bytes that were written. */
  readonly bytes: number
}

/**
 * Writes every block, checked, into a folder that Kubo's flatfs can use as its own: an empty one, one that is not there,
 * or the `blocks` of a Kubo repo, to which what is missing is added. Yields how far it is; all is flushed at the end.
 * A block that is damaged here ends it with `data-mismatch`; it can be repeated.
 */
export async function* exportFlatfs(
  blocks: Pick<Blocks, 'list' | 'get'>,
  folder: string,
  options: Waiting = {},
): AsyncIterable<FlatfsExport> {
  await prepare(folder)
  const changed = new Set<string>()
  let done: FlatfsExport = { blocks: 0, present: 0, bytes: 0 }
  let some: { cid: Parameters<Blocks['get']>[0]; size: number }[] = []
  const write = async (): Promise<void> => {
    const written = await Promise.all(
      some.map(({ cid }) => writeBlock(folder, cid.multihash.bytes, () => blocks.get(cid, options))),
    )
    for (const one of written) {
      if (one !== undefined) changed.add(one.shard)
      done = {
        blocks: done.blocks + 1,
        present: done.present + (one === undefined ? 1 : 0),
        bytes: done.bytes + (one?.size ?? 0),
      }
    }
    some = []
  }
  for await (const block of blocks.list(options)) {
    options.signal?.throwIfAborted()
    some.push(block)
    if (some.length < FILES_AT_ONCE) continue
    await write()
    yield done
  }
  await write()
  for (const shard of changed) await syncFolder(join(folder, shard))
  // What Kubo has counted is no longer so: it counts anew.
  if (changed.size > 0) await rm(join(folder, 'diskUsage.cache'), { force: true })
  await syncFolder(folder)
  yield done
}

/** Makes the folder, or refuses one that holds something else. */
async function prepare(folder: string): Promise<void> {
  const file = join(folder, 'SHARDING')
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const sharding = await readFile(file, 'utf8').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined
      throw error
    })
    if (sharding === undefined) {
      if ((await readdir(folder)).length > 0) {
        throw new Failure('failed', `${folder}: neither empty nor a flatfs`, { hint: 'name an empty folder' })
      }
      await writeFile(file, FLATFS_SHARDING, { flag: 'wx', flush: true })
    } else if (sharding.trim() !== FLATFS_SHARDING.trim()) {
      throw new Failure('failed', `${folder}: a flatfs of another layout: ${JSON.stringify(sharding.trim())}`)
    }
  } catch (error) {
    throw systemFailure(error, folder)
  }
}

/** Writes a block unless a file of its name is there; returns where, and how large it is. */
async function writeBlock(
  folder: string,
  hash: Uint8Array,
  read: () => Promise<Uint8Array>,
): Promise<{ shard: string; size: number } | undefined> {
  const { dir: shard, file: name } = new FlatfsSharding().encodeHash(hash)
  const file = join(folder, shard, name)
  if (await exists(file)) return undefined
  const bytes = await read()
  const temporary = join(folder, shard, `.tmp-${randomBytes(8).toString('hex')}`)
  try {
    await mkdir(join(folder, shard), { recursive: true, mode: 0o700 })
    {
      await using handle = await open(temporary, 'wx', 0o600)
      await handle.writeFile(bytes)
      await handle.datasync()
    }
    await rename(temporary, file)
  } catch (error) {
    await unlink(temporary).catch(() => {
      // It was never made, or the disk is gone: the failure says so.
    })
    throw systemFailure(error, file)
  }
  return { shard, size: bytes.length }
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file)
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw systemFailure(error, file)
  }
}
