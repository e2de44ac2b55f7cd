import { defineCommand } from '../contract/command.ts'
import { argumentList, flag, int } from '../contract/params.ts'
import type { ListedEntry } from '../node/directory-list.ts'

interface Shown {
  readonly Path: string
  readonly Name: string
  /** 0 for a root. */
  readonly Depth: number
  /** No other entry of the same folder follows. */
  readonly Last: boolean
  readonly Cid: string
  readonly Type: string
  /** Bytes of a file; 0 for a folder. */
  readonly Size: number
  /** Where a symbolic link points. */
  readonly Target?: string
  /** Slots of a shard of a sharded folder. */
  readonly Fanout?: number
}

export const tree = defineCommand({
  path: 'tree',
  summary: 'Show what lies below a folder as a tree',
  description:
    'Prints the names below each path, indented, sorted by their bytes, and how many folders and files there are. A ' +
    'sharded folder is marked with the number of slots of a shard. A path is a CID, /ipfs/…, /ipns/…, or mfs:/… for ' +
    'one in MFS.',
  examples: [
    { line: 'tsipfs tree bafy…', explains: 'Show all names below a root.' },
    { line: 'tsipfs tree --size --cid --max-depth=2 mfs:/', explains: 'Show two levels of MFS with sizes and CIDs.' },
    { line: "tsipfs tree --template '{Path}' bafy…", explains: 'Print one path a line.' },
  ],
  needs: 'repo',
  worksWithoutRepo: true,
  result: {
    Path: 'text',
    Name: 'text',
    Depth: 'int: 0 for a root',
    Last: 'flag: no other entry of the same folder follows',
    Cid: 'cid',
    Type: 'text: file, directory, symlink or dag',
    Size: 'int: bytes of a file; 0 for a folder',
    'Target?': 'text',
    'Fanout?': 'int: slots of a shard of a sharded folder',
  },
  params: {
    path: argumentList('path', 'What to show', { stdin: true, complete: 'cid' }),
    maxDepth: int('Go so deep below the paths only', { short: 'd', min: 0 }),
    dirsOnly: flag('Leave out all but folders'),
    size: flag('Show the sizes of files', { short: 's', caller: true }),
    cid: flag('Show CIDs', { caller: true }),
    ascii: flag('Draw lines with ASCII characters', { caller: true }),
  },
  async *run(input, { node, globals, signal }) {
    const [{ resolveContentPath }, { formatCid }, { walkTree }] = await Promise.all([
      import('../node/content-path.ts'),
      import('../node/cid.ts'),
      import('../node/tree-walk.ts'),
    ])
    const filter = input.dirsOnly ? (entry: ListedEntry) => entry.kind === 'directory' : undefined
    for (const text of input.path) {
      const cid = await resolveContentPath(node, text, { signal })
      for await (const step of walkTree(node.blocks, cid, text, { signal, depthMax: input.maxDepth, filter })) {
        if (step.step === 'end') continue
        const { entry, path, depth, isLast } = step
        yield {
          Path: path,
          Name: entry.name,
          Depth: depth,
          Last: isLast,
          Cid: formatCid(entry.cid, globals),
          Type: entry.kind === 'unknown' ? 'dag' : entry.kind,
          Size: entry.size,
          ...(entry.kind === 'symlink' ? { Target: entry.target } : {}),
          ...(entry.fanout === undefined ? {} : { Fanout: entry.fanout }),
        } as Shown
      }
    }
  },
  async render(outputs, { input, out, colour, lineEnd }) {
    const [{ LineWriter }, { nameText }] = await Promise.all([import('./_lines.ts'), import('./_escape.ts')])
    const text = new LineWriter(out, lineEnd)
    const named = nameText(lineEnd)
    const lines = input.ascii ? ASCII : UNICODE
    const counts = { folders: 0, files: 0, bytes: 0 }
    const open: string[] = []
    for await (const entry of outputs) {
      const { Depth, Last, Name, Type, Size } = entry
      open.length = Math.max(0, Depth - 1)
      const indent = Depth === 0 ? '' : open.join('') + (Last ? lines.last : lines.item)
      if (Depth > 0) open.push(Last ? lines.none : lines.pass)
      if (Type === 'directory') counts.folders += Depth === 0 ? 0 : 1
      else counts.files += 1
      counts.bytes += Size
      const name = named(Name)
      const shown =
        Type === 'directory' ? colour.bold(colour.blue(`${name}/`)) : Type === 'symlink' ? colour.magenta(name) : name
      await text.write(`${indent}${input.cid ? `${entry.Cid}  ` : ''}${shown}${await remarks(entry, input.size)}`)
    }
    await text.write('')
    const size = input.size ? `, ${counts.bytes} bytes` : ''
    await text.write(`${counted(counts.folders, 'folder')}, ${counted(counts.files, 'file')}${size}`)
    await text.flush()
  },
})

const UNICODE = { item: '├── ', last: '└── ', pass: '│   ', none: '    ' }
const ASCII = { item: '|-- ', last: '`-- ', pass: '|   ', none: '    ' }

async function remarks({ Type, Size, Target, Fanout }: Shown, showsSize: boolean): Promise<string> {
  const { escapeName } = await import('./_escape.ts')
  const target = Target === undefined ? '' : ` -> ${escapeName(Target)}`
  const sharded = Fanout === undefined ? '' : ` [sharded, ${Fanout}]`
  return `${target}${sharded}${showsSize && Type !== 'directory' ? ` (${Size})` : ''}`
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
