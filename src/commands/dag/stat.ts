import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argumentList, choice } from '../../contract/params.ts'
import { sizeText } from '../../contract/size-text.ts'

interface DagStat {
  readonly Cid: string
  readonly Size?: number
  readonly NumBlocks?: number
}

interface Summary {
  readonly UniqueBlocks?: number
  readonly TotalSize?: number
  readonly SharedSize?: number
  /** Absent in reports of progress. */
  readonly Ratio?: number
  readonly DagStats: readonly DagStat[]
}

const PROGRESS_MS = 100

export const dagStat = defineCommand({
  path: 'dag stat',
  summary: 'Show the size and the number of blocks of DAGs',
  description:
    'Counts the blocks below each root, every block once, and what several roots share. Leaves that the index knows ' +
    'are not read.',
  examples: [
    { line: 'tsipfs dag stat bafy…', explains: 'Show how large a DAG is.' },
    { line: 'tsipfs dag stat bafyOLD bafyNEW', explains: 'Show how much two versions share.' },
  ],
  needs: 'repo',
  worksWithoutRepo: true,
  result: {
    'UniqueBlocks?': 'int',
    'TotalSize?': 'int: bytes, each block counted once',
    'SharedSize?': 'int',
    'Ratio?': 'number: absent in reports of progress',
    DagStats: [{ Cid: 'cid', 'Size?': 'int', 'NumBlocks?': 'int' }],
  },
  items: { at: 'DagStats' },
  params: {
    root: argumentList('root', 'Roots of the DAGs', { stdin: true, complete: 'cid' }),
    progress: choice('Report progress', { short: 'p' }),
  },
  async *run(input, { node, globals, signal }) {
    const [{ resolvePath }, { formatCid }, { DagCounter, shortFloat32 }] = await Promise.all([
      import('../../node/path.ts'),
      import('../../node/cid.ts'),
      import('../../node/dag-stat.ts'),
    ])
    const counter = new DagCounter(node.blocks, { several: input.root.length > 1 })
    const dags = (): DagStat[] =>
      counter.dags.map(({ cid, size, blocks }) => ({
        Cid: formatCid(cid, globals),
        ...present({ Size: size, NumBlocks: blocks }),
      }))
    let last = performance.now()
    for (const path of input.root) {
      const { cid, remainder } = await resolvePath(node, path, { signal })
      if (remainder.length > 0) {
        throw new Failure('usage', 'cannot return size for anything other than a DAG with a root CID')
      }
      for await (const _ of counter.count(cid, { signal })) {
        // The RPC reports progress unless it is told not to.
        if (input.progress === false || performance.now() - last < PROGRESS_MS) continue
        last = performance.now()
        yield { ...present({ TotalSize: counter.totalSize }), DagStats: dags() } as Summary
      }
    }
    yield {
      ...present({
        UniqueBlocks: counter.uniqueBlocks,
        TotalSize: counter.totalSize,
        SharedSize: counter.redundantSize - counter.totalSize,
      }),
      Ratio: counter.totalSize === 0 ? 1 : shortFloat32(counter.redundantSize / counter.totalSize),
      DagStats: dags(),
    } as Summary
  },
  async render(outputs, { out, progress }) {
    for await (const summary of outputs) {
      const { DagStats, Ratio, UniqueBlocks = 0, TotalSize = 0, SharedSize = 0 } = summary
      if (Ratio === undefined) {
        const done = DagStats.reduce((sum, { Size = 0 }) => sum + Size, 0)
        const blocks = DagStats.reduce((sum, { NumBlocks = 0 }) => sum + NumBlocks, 0)
        progress.update({ label: `Fetched/Processed ${blocks} blocks`, done, unit: 'bytes' })
        continue
      }
      await progress.clear()
      // As in Kubo, in bytes.
      const width = Buffer.byteLength(DagStats[0]?.Cid ?? '')
      const rows = DagStats.map(
        ({ Cid, NumBlocks = 0, Size = 0 }) => `${Cid}\t${String(NumBlocks).padEnd(15)}\t${Size}\n`,
      )
      await out.write(
        `\n${'CID'.padEnd(width)}\t${'Blocks'.padEnd(15)}\tSize\n${rows.join('')}\nSummary\n` +
          `Total Size: ${TotalSize} (${sizeText(TotalSize)})\nUnique Blocks: ${UniqueBlocks}\n` +
          `Shared Size: ${SharedSize} (${sizeText(SharedSize)})\nRatio: ${TotalSize === 0 ? NaN : Math.fround(Ratio).toFixed(6)}\n\n\n`,
      )
    }
  },
})

/** Leaves out what is zero, as Kubo does. */
function present<K extends string>(fields: Record<K, number>): Partial<Record<K, number>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== 0)) as Partial<Record<K, number>>
}
