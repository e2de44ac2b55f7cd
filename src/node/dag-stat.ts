import type { CID } from 'multiformats/cid'
import type { Waiting } from '../repo/roles.ts'
import { CidSet } from './cid-set.ts'
import { exactBytes, visitDag, type WalkBlocks } from './dag-walk.ts'

/** Sizes of one DAG. */
export interface DagSize {
  readonly cid: CID
  size: number
  blocks: number
}

/** Counts blocks of several DAGs: of each by itself, and of all together. */
export class DagCounter {
  readonly #blocks: WalkBlocks
  /** Every block of any DAG; kept only when there are several. */
  readonly #all: CidSet | undefined
  readonly dags: DagSize[] = []
  /** Bytes of all DAGs, each block counted once. */
  totalSize = 0
  /** Bytes of all DAGs, blocks counted in each of them. */
  redundantSize = 0

  constructor(blocks: WalkBlocks, options: { readonly several: boolean }) {
    this.#blocks = blocks
    this.#all = options.several ? new CidSet(exactBytes) : undefined
  }

  get uniqueBlocks(): number {
    return this.#all?.size ?? this.dags.reduce((sum, { blocks }) => sum + blocks, 0)
  }

  /** Adds a DAG. Yields after each block. */
  async *count(root: CID, options: Waiting = {}): AsyncIterable<void> {
    const dag: DagSize = { cid: root, size: 0, blocks: 0 }
    this.dags.push(dag)
    for await (const { cid, size } of visitDag(this.#blocks, [root], { ...options, seen: new CidSet(exactBytes) })) {
      dag.size += size
      dag.blocks += 1
      this.redundantSize += size
      if (this.#all?.add(cid) !== false) this.totalSize += size
      yield
    }
  }
}

/** Returns the shortest number that is the same float of 32 bits: 1.2217898 for 1.2217898845672607. */
export function shortFloat32(value: number): number {
  const float = Math.fround(value)
  if (!Number.isFinite(float)) return float
  for (let digits = 1; digits < 9; digits += 1) {
    const short = Number(float.toPrecision(digits))
    if (Math.fround(short) === float) return short
  }
  return Number(float.toPrecision(9))
}
