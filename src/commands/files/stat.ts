import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argument, flag, text } from '../../contract/params.ts'
import { flushOption } from './_shared.ts'

const FORMAT = `<hash>
Size: <size>
CumulativeSize: <cumulsize>
ChildBlocks: <childs>
Type: <type>
Mode: <mode> (<mode-octal>)
Mtime: <mtime>`

interface Stat {
  readonly Hash: string
  readonly Size: number
  readonly CumulativeSize: number
  readonly Blocks: number
  readonly Type: string
  readonly WithLocality?: boolean
  readonly Local?: boolean
  readonly SizeLocal?: number
  readonly Mode?: string
  readonly Mtime?: number
  readonly MtimeNsecs?: number
}

export const filesStat = defineCommand({
  path: 'files stat',
  summary: 'Display file status',
  description:
    'Shows what lies at a path of MFS, or at a path into IPFS. --format takes <hash>, <size>, <cumulsize>, <type>, ' +
    '<childs>, <mode>, <mode-octal>, <mtime>, <mtime-secs> and <mtime-nsecs>.',
  examples: [
    { line: 'tsipfs files stat /docs', explains: 'Show a folder.' },
    { line: 'tsipfs files stat --hash /', explains: 'Print the CID of the root of MFS.' },
    { line: 'tsipfs files stat --with-local /ipfs/bafy…', explains: 'Show how much of a DAG is in the repo.' },
  ],
  needs: 'repo',
  output: 'value',
  result: {
    Hash: 'cid',
    Size: 'int',
    CumulativeSize: 'int',
    Blocks: 'int',
    Type: 'text: file, directory or symlink',
    'WithLocality?': 'flag',
    'Local?': 'flag',
    'SizeLocal?': 'int',
    'Mode?': 'text',
    'Mtime?': 'int',
    'MtimeNsecs?': 'int',
  },
  outputs: { cid: 'Hash' },
  params: {
    path: argument('path', 'Path in MFS or IPFS', { complete: 'mfs' }),
    format: text('Print in this format; conflicts with the other format options', { initial: FORMAT }),
    hash: flag('Print only the CID; conflicts with the other format options'),
    size: flag('Print only the cumulative size; conflicts with the other format options'),
    withLocal: flag('Compute how much of the DAG is in the repo'),
    ...flushOption,
  },
  check(input) {
    formatOf(input)
  },
  async *run(input, { node, globals, signal }) {
    const [{ statPath }, { formatCid }] = await Promise.all([
      import('../../node/mfs/stat-path.ts'),
      import('../../node/cid.ts'),
    ])
    const { cid, stat, locality } = await statPath(node, input.path, input.withLocal, { signal })
    const result: Stat = {
      Hash: formatCid(cid, globals),
      Size: stat.size,
      CumulativeSize: stat.cumulativeSize,
      Blocks: stat.blocks,
      Type: stat.type,
      ...(locality === undefined ? {} : { WithLocality: true }),
      ...(locality?.local === true ? { Local: true } : {}),
      ...(locality === undefined || locality.size === 0 ? {} : { SizeLocal: locality.size }),
      ...(stat.mtime === undefined || stat.mtime.seconds === 0 ? {} : { Mtime: stat.mtime.seconds }),
      ...((stat.mtime?.nanoseconds ?? 0) === 0 ? {} : { MtimeNsecs: stat.mtime?.nanoseconds ?? 0 }),
      ...(stat.goMode === 0 ? {} : { Mode: stat.goMode.toString(8).padStart(4, '0') }),
    }
    yield result
  },
  async render(outputs, { input, out }) {
    const { goModeText, localityText, timeText } = await import('../../node/mfs/stat-text.ts')
    const format = formatOf(input)
    for await (const stat of outputs) {
      const mode = Number.parseInt(stat.Mode ?? '0', 8)
      const time = (stat.Mtime ?? 0) > 0 ? stat.Mtime : undefined
      const unset = 'not set'
      const values: Readonly<Record<string, string>> = {
        hash: stat.Hash,
        size: String(stat.Size),
        cumulsize: String(stat.CumulativeSize),
        childs: String(stat.Blocks),
        type: stat.Type,
        mode: mode === 0 ? unset : goModeText(mode),
        'mode-octal': mode === 0 ? unset : `0${(mode & 0o777).toString(8)}`,
        mtime: time === undefined ? unset : timeText(time),
        'mtime-secs': time === undefined ? unset : String(time),
        'mtime-nsecs': time === undefined ? unset : String(stat.MtimeNsecs ?? 0),
      }
      const line = format.replace(/<([a-z-]+)>/g, (token, name: string) => values[name] ?? token)
      const locality = stat.WithLocality === true ? localityText(stat.SizeLocal ?? 0, stat.CumulativeSize) : ''
      await out.write(`${line}\n${locality}`)
    }
  },
})

function formatOf(input: { readonly format: string; readonly hash: boolean; readonly size: boolean }): string {
  const given = [input.hash, input.size, input.format !== FORMAT].filter(Boolean).length
  if (given > 1) {
    throw new Failure('usage', 'format was set by multiple options. Only one format option is allowed')
  }
  return input.hash ? '<hash>' : input.size ? '<cumulsize>' : input.format
}
