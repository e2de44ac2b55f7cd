import { defineCommand } from '../contract/command.ts'
import { argumentList, flag, int } from '../contract/params.ts'
import { sizeText } from '../contract/size-text.ts'

interface Used {
  readonly Path: string
  readonly Cid: string
  readonly Type: string
  /** Bytes of blocks that were not counted before. */
  readonly Size: number
  /** Bytes of files. */
  readonly Content: number
  readonly Blocks: number
  /** Of a sharded folder: shards below its root block. */
  readonly Shards?: number
}

export const du = defineCommand({
  path: 'du',
  summary: 'Show how much folders take',
  description:
    'Prints the size of each folder below the paths, and its path, as du(1) does: bytes of blocks, each block counted ' +
    'once over the whole run, where it is met first. With --apparent-size it is the bytes of the files instead. A path ' +
    'is a CID, /ipfs/…, /ipns/…, or mfs:/… for one in MFS. Nothing of a file is read that the index knows.',
  examples: [
    { line: 'tsipfs du bafy…', explains: 'Show the folders below a root with what each adds.' },
    { line: 'tsipfs du -s mfs:/', explains: 'Show what MFS takes as a whole.' },
    { line: "tsipfs du -s --template '{Size}' bafy…", explains: 'Print the bytes alone, for a script.' },
  ],
  needs: 'repo',
  worksWithoutRepo: true,
  result: {
    Path: 'text',
    Cid: 'cid',
    Type: 'text: file, directory, symlink or dag',
    Size: 'int: bytes of blocks that were not counted before',
    Content: 'int: bytes of files',
    Blocks: 'int: blocks that were not counted before',
    'Shards?': 'int: shards below the root block of a sharded folder',
  },
  params: {
    path: argumentList('path', 'What to measure', { stdin: true, complete: 'cid' }),
    all: flag('Print files too, not only folders', { short: 'a' }),
    summarize: flag('Print only the total of each path', { short: 's' }),
    maxDepth: int('Print folders to this depth below the paths only', { short: 'd', min: 0 }),
    apparentSize: flag('Print the bytes of files, not of blocks', { caller: true }),
    human: flag('Print sizes like 1.2 MB', { short: 'H', caller: true }),
    total: flag('Print a line for the total of all paths', { short: 'c', caller: true }),
  },
  async *run(input, { node, globals, signal }) {
    const [{ resolveContentPath }, { formatCid }, { UsageMeter }] = await Promise.all([
      import('../node/content-path.ts'),
      import('../node/cid.ts'),
      import('../node/disk-usage.ts'),
    ])
    const meter = new UsageMeter(node.blocks)
    const depthMax = input.summarize ? 0 : input.maxDepth
    for (const text of input.path) {
      const cid = await resolveContentPath(node, text, { signal })
      const limit = depthMax === undefined ? {} : { depthMax }
      for await (const used of meter.measure(cid, text, { signal, ...limit })) {
        const { entry, path, depth, size, content, blocks, shards } = used
        if (entry.kind !== 'directory' && depth > 0 && !input.all) continue
        const record = { Path: path, Cid: formatCid(entry.cid, globals), Type: typeName(entry.kind) }
        const isSharded = entry.fanout !== undefined
        yield {
          ...record,
          Size: size,
          Content: content,
          Blocks: blocks,
          ...(isSharded ? { Shards: shards } : {}),
        } as Used
      }
    }
  },
  async render(outputs, { input, out, lineEnd }) {
    const [{ LineWriter }, { nameText }] = await Promise.all([import('./_lines.ts'), import('./_escape.ts')])
    const text = new LineWriter(out, lineEnd)
    const named = nameText(lineEnd)
    const show = (bytes: number): string => (input.human ? sizeText(bytes) : String(bytes))
    let total = 0
    for await (const { Path, Size, Content } of outputs) {
      const bytes = input.apparentSize ? Content : Size
      if (input.path.includes(Path)) total += bytes
      await text.write(`${show(bytes)}\t${named(Path)}`)
    }
    if (input.total) await text.write(`${show(total)}\ttotal`)
    await text.flush()
  },
})

function typeName(kind: string): string {
  return kind === 'unknown' ? 'dag' : kind
}
