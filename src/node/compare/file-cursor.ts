import type { CID } from 'multiformats/cid'
import type { Blocks, Waiting } from '../../repo/roles.ts'
import { type FileNode, fileNodeOf, malformedFile } from '../file-node.ts'

const RAW = 0x55
const DEPTH_MAX = 64
/** So many parts in a row without a byte of the file are refused. */
const BARREN_MAX = 100_000

/** The next part of a file: bytes that lie in a node, or a link to what lies below. */
export type FilePart =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'link'
      readonly cid: CID
      /** Bytes of the file below the link; undefined when the node above does not tell. */
      readonly size: number | undefined
      /** A raw block: the bytes of the file and nothing else. */
      readonly isLeaf: boolean
    }

/** Goes through the DAG of a file part by part, and reads only what it is told to. */
export class FileCursor {
  readonly #blocks: Pick<Blocks, 'get'>
  readonly #options: Waiting
  readonly #frames: { readonly node: FileNode; at: number }[] = []
  #barren = 0

  constructor(blocks: Pick<Blocks, 'get'>, root: FileNode, options: Waiting = {}) {
    this.#blocks = blocks
    this.#options = { signal: options.signal }
    this.#frames.push({ node: root, at: -1 })
  }

  /** Returns the next part, without moving on; undefined at the end. */
  head(): FilePart | undefined {
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      const { node } = frame
      if (frame.at < 0 && node.data.length > 0) return { kind: 'bytes', bytes: node.data }
      if (frame.at < 0) frame.at = 0
      const link = node.links[frame.at]
      if (link !== undefined) {
        return { kind: 'link', cid: link.cid, size: node.sizes?.[frame.at], isLeaf: link.cid.code === RAW }
      }
      this.#frames.pop()
    }
    return undefined
  }

  /** Passes over the next part, and all below it. */
  skip(): void {
    const frame = this.#frames.at(-1)
    if (frame !== undefined) frame.at += 1
    this.#barren = 0
  }

  /** Reads the node that the next part links to: its own parts come next. Throws `failed` when sizes disagree. */
  async descend(): Promise<void> {
    const part = this.head()
    const frame = this.#frames.at(-1)
    if (part?.kind !== 'link' || frame === undefined) throw new Error('there is no link to follow')
    const node = fileNodeOf(part.cid, await this.#blocks.get(part.cid, this.#options))
    if (part.size !== undefined && node.size !== part.size) {
      throw malformedFile(part.cid, `it has ${node.size} bytes and ${frame.node.cid} says ${part.size}`)
    }
    frame.at += 1
    this.#barren += 1
    if (this.#frames.length >= DEPTH_MAX) throw malformedFile(part.cid, `it is deeper than ${DEPTH_MAX} levels`)
    if (this.#barren > BARREN_MAX) throw malformedFile(part.cid, 'it consists of empty parts')
    this.#frames.push({ node, at: -1 })
  }
}
