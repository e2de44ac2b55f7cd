import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, systemFailure } from '../contract/failure.ts'
import { FORMAT_VERSION, type Layout } from './layout.ts'
import type { Blocks, RepoStat } from './roles.ts'
import type { State } from './state.ts'

const STATS_AT_ONCE = 64

/** Returns sizes and counts of a repo. */
export async function measureRepo(layout: Layout, state: State, blocks: Blocks): Promise<RepoStat> {
  const diskBytes = await measureDisk(layout)
  const common = { path: layout.root, diskBytes, version: FORMAT_VERSION }
  if ((await state.read(() => state.engine())) === 'packs') {
    const [count, bytes, packs] = await state.read(
      () =>
        state.row('SELECT count(*), coalesce(sum(length), 0), (SELECT count(*) FROM packs) FROM blocks') as number[],
    )
    return { ...common, blocks: count ?? 0, blockBytes: bytes ?? 0, packs: packs ?? 0 }
  }
  let count = 0
  let bytes = 0
  for await (const { size } of blocks.list()) {
    count++
    bytes += size
  }
  return { ...common, blocks: count, blockBytes: bytes, packs: 0 }
}

/** Returns the sum of the sizes of all files of a repo. */
export async function measureDisk({ root }: Layout): Promise<number> {
  let sum = 0
  const folders = [root]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const entries = await readdir(folder, { withFileTypes: true }).catch(ignoreGone([]))
    const files: string[] = []
    for (const entry of entries) (entry.isDirectory() ? folders : files).push(join(folder, entry.name))
    for (let at = 0; at < files.length; at += STATS_AT_ONCE) {
      const some = files.slice(at, at + STATS_AT_ONCE)
      const sizes = await Promise.all(some.map(file => lstat(file).then(({ size }) => size, ignoreGone(0))))
      for (const size of sizes) sum += size
    }
  }
  return sum
}

/** Others may remove files meanwhile. */
function ignoreGone<T>(instead: T): (error: unknown) => T {
  return error => {
    if (errorCode(error) === 'ENOENT') return instead
    throw systemFailure(error, 'the repo')
  }
}
