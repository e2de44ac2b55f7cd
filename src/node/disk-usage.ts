import type { CID } from 'multiformats/cid'
import type { Waiting } from '../repo/roles.ts'
import { CidSet } from './cid-set.ts'
import { exactKey, visitBytes, visitDag, type WalkBlocks } from './dag-walk.ts'
import type { ListedEntry } from './directory-list.ts'
import { walkTree } from './tree-walk.ts'

/** How large a file, or a folder with all below it, is. */
export interface Usage {
  readonly entry: ListedEntry
  readonly path: string
  readonly depth: number
  /** Bytes of the blocks that were not counted before. */
  readonly size: number
  /** Bytes of the files, however often their blocks occur. */
  readonly content: number
  /** How many blocks were not counted before. */
  readonly blocks: number
  /** Shards below the root block of a sharded folder itself. */
  readonly shards: number
}

interface Sum {
  size: number
  content: number
  blocks: number
}

/** Adds up sizes. Each block counts once, where it is met first, over all that is measured by the same meter. */
export class UsageMeter {
  readonly #blocks: WalkBlocks
  readonly #seen = new CidSet(visitBytes)
  /** What the files of a folder add up to, so that one that occurs often is not walked each time. */
  readonly #contents = new Map<string, number>()

  constructor(blocks: WalkBlocks) {
    this.#blocks = blocks
  }

  /** Yields what lies below a root to `depthMax`, each folder after what lies in it. */
  async *measure(
    root: CID,
    name: string,
    { signal, depthMax = Number.POSITIVE_INFINITY }: Waiting & { readonly depthMax?: number },
  ): AsyncIterable<Usage> {
    const open: Sum[] = []
    const add = (sum: Sum): void => {
      const above = open.at(-1)
      if (above === undefined) return
      above.size += sum.size
      above.content += sum.content
      above.blocks += sum.blocks
    }
    // A folder whose content is known has nothing new below it; it is walked again only to be printed.
    const descends = (folder: ListedEntry, depth: number): boolean =>
      depth < depthMax || !this.#contents.has(exactKey(folder.cid))
    for await (const step of walkTree(this.#blocks, root, name, { signal, descends })) {
      const { entry, path, depth } = step
      if (step.step === 'end') {
        const sum = open.pop() ?? { size: 0, content: 0, blocks: 0 }
        for (const block of step.blocks) this.#count(sum, block.cid, block.size)
        this.#contents.set(exactKey(entry.cid), sum.content)
        add(sum)
        if (depth <= depthMax) yield { entry, path, depth, ...sum, shards: step.blocks.length - 1 }
      } else if (entry.kind === 'directory' && descends(entry, depth)) {
        open.push({ size: 0, content: 0, blocks: 0 })
      } else {
        const sum = await this.#measureOne(entry, signal)
        add(sum)
        if (depth <= depthMax) yield { entry, path, depth, ...sum, shards: 0 }
      }
    }
  }

  async #measureOne(entry: ListedEntry, signal: AbortSignal | undefined): Promise<Sum> {
    const content = entry.kind === 'directory' ? (this.#contents.get(exactKey(entry.cid)) ?? 0) : entry.size
    const sum = { size: 0, content, blocks: 0 }
    if (entry.kind === 'directory') return sum
    for await (const { size } of visitDag(this.#blocks, [entry.cid], { signal, seen: this.#seen })) {
      sum.size += size
      sum.blocks += 1
    }
    return sum
  }

  #count(sum: Sum, cid: CID, size: number): void {
    if (!this.#seen.add(cid)) return
    sum.size += size
    sum.blocks += 1
  }
}
