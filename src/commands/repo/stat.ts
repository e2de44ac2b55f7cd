import { type Context, defineCommand } from '../../contract/command.ts'
import type { Sink } from '../../contract/io.ts'
import { flag, type Input } from '../../contract/params.ts'

interface Stat {
  readonly RepoSize: number
  readonly StorageMax: number
  readonly NumObjects: number
  readonly RepoPath: string
  readonly Version: string
}

/** The options of `repo stat` and `stats repo`. */
export const statParams = {
  sizeOnly: flag('Only report RepoSize and StorageMax', { short: 's' }),
  human: flag('Print sizes in human readable format (e.g., 1K 234M 2G)', { short: 'H' }),
} as const

type StatInput = Input<typeof statParams>

/** What counts as no limit in the answers of the reference implementation. */
const NO_LIMIT = 2 ** 64

/** Yields sizes and counts of the repo. */
export async function* statRepo(input: StatInput, { node }: Context): AsyncIterable<Stat> {
  const { parseByteSize } = await import('../../repo/config-values.ts')
  const storageMax = await node.repo.config.get('Datastore.StorageMax')
  const StorageMax = typeof storageMax === 'string' && storageMax !== '' ? parseByteSize(storageMax) : NO_LIMIT
  if (input.sizeOnly) {
    // Counting takes the longer the more blocks there are.
    yield { RepoSize: await node.repo.diskBytes(), StorageMax, NumObjects: 0, RepoPath: '', Version: '' }
    return
  }
  const { diskBytes, blocks, path, version } = await node.repo.stat()
  yield { RepoSize: diskBytes, StorageMax, NumObjects: blocks, RepoPath: path, Version: `fs-repo@${version}` }
}

/** Prints sizes and counts of the repo. */
export async function renderStat(
  outputs: AsyncIterable<Stat>,
  { input, out }: { readonly input: StatInput; readonly out: Sink },
): Promise<void> {
  const size = (bytes: number): string => (input.human ? humanBytes(bytes) : String(bytes))
  for await (const { RepoSize, StorageMax, NumObjects, RepoPath, Version } of outputs) {
    const sizes = `RepoSize:   ${size(RepoSize)}\nStorageMax: ${size(StorageMax)}\n`
    if (input.sizeOnly) await out.write(sizes)
    else await out.write(`NumObjects: ${NumObjects}\n${sizes}RepoPath:   ${RepoPath}\nVersion:    ${Version}\n`)
  }
}

/** Returns a size as the reference implementation shows it: `752 kB`, `1.5 GB`. */
export function humanBytes(bytes: number): string {
  if (bytes < 10) return `${bytes} B`
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB']
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1)
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${units[power]}`
}

export const repoStat = defineCommand({
  path: 'repo stat',
  summary: 'Show sizes and counts of the repo',
  description:
    'Shows how many bytes the repo takes on disk, its limit from the config, the number of its blocks, its path and ' +
    'the version of its format.',
  examples: [
    { line: 'tsipfs repo stat --human', explains: 'Show sizes in units.' },
    { line: 'tsipfs repo stat --size-only', explains: 'Show the size and its limit.' },
  ],
  needs: 'repo',
  output: 'value',
  result: { RepoSize: 'int', StorageMax: 'int', NumObjects: 'int', RepoPath: 'text', Version: 'text' },
  params: statParams,
  run: statRepo,
  render: renderStat,
})
