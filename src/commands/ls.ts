import { defineCommand, type View } from '../contract/command.ts'
import { goMode } from '../contract/go-mode.ts'
import { argumentList, flag } from '../contract/params.ts'
import type { ListedEntry } from '../node/directory-list.ts'

interface ListedLink {
  readonly Name: string
  readonly Hash: string
  readonly Size: number
  /** As UnixFS numbers them: 1 a folder, 2 a file, 4 a symbolic link; 0 when it is not known. */
  readonly Type: number
  readonly Target: string
  /** As Go's `os.FileMode`. */
  readonly Mode: number
  readonly ModTime: string
}

interface Listed {
  readonly Objects: readonly { readonly Hash: string; readonly Links: readonly ListedLink[] }[]
}

const TYPES = { unknown: 0, directory: 1, file: 2, symlink: 4 } as const
const NOT_PLAIN = /[^\0-\x7f]/
const NO_TIME = '0001-01-01T00:00:00Z'

export const ls = defineCommand({
  path: 'ls',
  summary: 'List the entries of folders',
  description:
    'Prints CID, size and name of each entry, sorted by name; of what is no folder, its links. Sizes and types are read ' +
    'from the entries themselves: --size=false --resolve-type=false lists without reading them. With --stream entries ' +
    'are printed as they are found, in the order of the folder. Sizes are those of the content, in bytes.',
  examples: [
    { line: 'tsipfs ls bafy…', explains: 'List a folder.' },
    { line: 'tsipfs ls -l -v bafy…/docs', explains: 'Show modes and times too, under headers.' },
    { line: 'tsipfs ls --stream bafy…', explains: 'List a folder of a million entries at once.' },
  ],
  needs: 'repo',
  output: input => (input.stream ? 'stream' : 'value'),
  worksWithoutRepo: true,
  result: {
    Objects: [
      {
        Hash: 'text: the path that was given',
        Links: [
          {
            Name: 'text',
            Hash: 'cid',
            Size: 'int: bytes',
            Type: 'int: 1 a folder, 2 a file, 4 a symbolic link, 0 not known',
            Target: 'text',
            Mode: "int: as Go's os.FileMode",
            ModTime: 'time',
          },
        ],
      },
    ],
  },
  items: { at: 'Objects.*.Links' },
  params: {
    path: argumentList('ipfs-path', 'The folders to list', { stdin: true, complete: 'cid' }),
    headers: flag('Print headers above the columns', { short: 'v' }),
    resolveType: flag('Read the entries to find out what they are', { initial: true }),
    size: flag('Read the entries to find out how large they are', { initial: true }),
    stream: flag('Print entries as they are found, unsorted', { short: 's' }),
    long: flag('Show permissions and times of modification', { short: 'l' }),
  },
  async *run(input, { node, globals, signal }) {
    const [{ resolvePath }, { checkCidBase, formatCid }, { listEntries }, { compareKeys }] = await Promise.all([
      import('../node/path.ts'),
      import('../node/cid.ts'),
      import('../node/directory-list.ts'),
      import('../node/dag-model.ts'),
    ])
    checkCidBase(globals)
    const looksInto = input.size || input.resolveType
    const objects: { Hash: string; Links: ListedLink[] }[] = []
    for (const path of input.path) {
      const { cid } = await resolvePath(node, path, { signal })
      const links: ListedLink[] = []
      for await (const entry of listEntries(node.blocks, cid, { signal, looksInto })) {
        const link = toLink(entry, formatCid(entry.cid, globals))
        if (input.stream) yield { Objects: [{ Hash: path, Links: [link] }] } as Listed
        else links.push(link)
      }
      links.sort(orderOf(links, compareKeys))
      objects.push({ Hash: path, Links: links })
    }
    if (!input.stream) yield { Objects: objects } as Listed
  },
  async render(outputs, view) {
    const { alignedLines } = await import('./_table.ts')
    const { LineWriter } = await import('./_lines.ts')
    const { nameText } = await import('./_escape.ts')
    const named = nameText(view.lineEnd)
    const text = new LineWriter(view.out, view.lineEnd)
    let last = ''
    for await (const { Objects } of outputs) {
      const lines: string[] = []
      for (const { Hash, Links } of Objects) {
        if (Hash !== last) lines.push(...(await headLines(Hash, last === '', view)))
        last = Hash
        for (const link of Links) lines.push(entryLine(link, view, named))
      }
      // Entries that come one by one cannot be aligned with those to come. Programs take tabs, and names with tabs in them.
      const isAligned = view.lineEnd === undefined
      for (const line of isAligned ? alignedLines(lines, view.input.stream ? 10 : 1) : lines) {
        const full = text.write(line)
        if (full !== undefined) await full
      }
    }
    await text.flush()
  },
})

/** Returns how names are compared: at once where all are plain. */
function orderOf(
  links: readonly ListedLink[],
  compareKeys: (one: string, other: string) => number,
): (one: ListedLink, other: ListedLink) => number {
  if (links.some(({ Name }) => NOT_PLAIN.test(Name))) return (one, other) => compareKeys(one.Name, other.Name)
  return (one, other) => (one.Name < other.Name ? -1 : one.Name > other.Name ? 1 : 0)
}

type LsView = View<typeof ls.params>

function toLink(entry: ListedEntry, hash: string): ListedLink {
  const { name, size, kind, target, mode, mtime } = entry
  return {
    Name: name,
    Hash: hash,
    Size: size,
    Type: TYPES[kind],
    Target: target,
    // A mode of nothing stays 0.
    Mode: mode === 0 ? 0 : goMode(mode, kind),
    ModTime: goTime(mtime),
  }
}

/** Returns a time as Go writes it in JSON: RFC 3339, no zeros at the end of the fraction. */
function goTime(mtime: ListedEntry['mtime']): string {
  if (mtime === undefined) return NO_TIME
  const date = new Date(Number(mtime.seconds) * 1000)
  // Years of other than four digits have no such form.
  if (!(date.getUTCFullYear() >= 0 && date.getUTCFullYear() <= 9999)) return NO_TIME
  const nanoseconds = mtime.nanoseconds ?? 0
  const fraction = nanoseconds === 0 ? '' : `.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}`
  return date.toISOString().replace(/\.\d+Z$/, `${fraction}Z`)
}

async function headLines(hash: string, isFirst: boolean, { input }: LsView): Promise<string[]> {
  const lines: string[] = []
  if (input.path.length > 1) {
    if (!isFirst) lines.push('')
    lines.push(`${hash}:`)
  }
  if (input.headers) {
    const columns = [input.long ? 'Mode' : '', 'Hash', input.size ? 'Size' : '', input.long ? 'ModTime' : '', 'Name']
    lines.push(columns.filter(column => column !== '').join('\t'))
  }
  return lines
}

function entryLine(link: ListedLink, { input }: LsView, named: (name: string) => string): string {
  const isFolder = link.Type === TYPES.directory
  const cells = [link.Hash]
  if (input.long) cells.unshift(modeText(link.Mode))
  if (input.size) cells.push(isFolder ? '-' : String(link.Size))
  if (input.long) cells.push(timeText(link.ModTime, Date.now()))
  cells.push(`${named(link.Name)}${isFolder ? '/' : ''}`)
  return cells.join('\t')
}

/** Returns a mode as `ls -l` writes it, `-` when there is none. */
function modeText(mode: number): string {
  if (mode === 0) return '-'
  const has = (bit: number): boolean => Math.floor(mode / bit) % 2 === 1
  const type = has(2 ** 31) ? 'd' : has(2 ** 27) ? 'l' : '-'
  const triple = (shift: number, special: boolean, letter: string): string => {
    const bits = (mode >>> shift) & 7
    const execute = (bits & 1) !== 0
    const last = special ? (execute ? letter : letter.toUpperCase()) : execute ? 'x' : '-'
    return `${(bits & 4) === 0 ? '-' : 'r'}${(bits & 2) === 0 ? '-' : 'w'}${last}`
  }
  return type + triple(6, has(2 ** 23), 's') + triple(3, has(2 ** 22), 's') + triple(0, has(2 ** 20), 't')
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const DAY_MS = 24 * 60 * 60 * 1000

/** Returns a time as `ls -l` writes it, in UTC: with the hour within the last six months, else with the year. */
function timeText(time: string, now: number): string {
  if (time === NO_TIME) return '-'
  const date = new Date(time)
  const halfYearAgo = new Date(now)
  halfYearAgo.setUTCMonth(halfYearAgo.getUTCMonth() - 6)
  const day = `${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2, '0')}`
  if (date > halfYearAgo && date.getTime() < now + DAY_MS) return `${day} ${date.toISOString().slice(11, 16)}`
  return `${day}  ${String(date.getUTCFullYear()).padStart(4, '0')}`
}
