import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { SourceEntry } from '../contract/source.ts'
import { Checker } from '../repo/check.ts'
import type { Block, Repo, Waiting } from '../repo/roles.ts'
import { CAR_BIG_SECTION_BYTES_MAX } from './car.ts'
import { CarPieces, PIECES_FILE_BYTES_MIN } from './car-pieces.ts'
import { openCar } from './car-reader.ts'
import { isLinkless, linksOf } from './codecs.ts'
import { checkBlockSize } from './dag-put.ts'
import { visitKey } from './dag-walk.ts'
import { checkBlock, checkCid } from './hash.ts'
import { addPin } from './pinner.ts'

/** How many bytes are hashed beside each other. */
const AHEAD_BYTES = 4 * 1024 * 1024
const AHEAD_BLOCKS = 64

/** What was imported so far. */
export interface ImportStats {
  blocks: number
  bytes: number
}

/** Imports CARs into a repo: one after another, then the roots of all are pinned. */
export class CarImporter {
  readonly #repo: Pick<Repo, 'blocks' | 'pins'>
  readonly #checker = new Checker(checkBlock)
  readonly #allowBigBlock: boolean
  readonly #roots = new Map<string, CID>()
  readonly stats: ImportStats = { blocks: 0, bytes: 0 }

  constructor(repo: Pick<Repo, 'blocks' | 'pins'>, options: { readonly allowBigBlock: boolean }) {
    this.#repo = repo
    this.#allowBigBlock = options.allowBigBlock
  }

  /** The roots that the CARs have named so far, each once. */
  get roots(): CID[] {
    return [...this.#roots.values()]
  }

  /** Stores all blocks of the CAR that a file is, each checked against its CID and its codec. */
  async addFile(file: Pick<SourceEntry, 'content' | 'open' | 'size'>, options: Waiting = {}): Promise<void> {
    if (file.open === undefined || (file.size ?? 0) < PIECES_FILE_BYTES_MIN) {
      const memory = { pieces: new CarPieces(), givesBack: true }
      if (file.content !== undefined) await this.add(file.content(), options, memory)
      return
    }
    await using reader = file.open()
    const pieces = new CarPieces()
    await this.add(pieces.read(reader), options, { pieces, givesBack: false })
  }

  /**
   * Stores all blocks of one CAR, each checked against its CID and its codec. They are durable after `flush`. `memory` is
   * used again as soon as what lies there is stored.
   */
  async add(source: AsyncIterable<Uint8Array>, { signal }: Waiting = {}, memory?: ImportMemory): Promise<void> {
    const car = await openCar(source, {
      sectionBytesMax: this.#allowBigBlock ? CAR_BIG_SECTION_BYTES_MAX : undefined,
      joint: memory === undefined ? undefined : length => memory.pieces.joint(length),
      givesBack: memory?.givesBack,
      sectionEnds: memory?.givesBack === false ? (end, length) => memory.pieces.sectionEnds(end, length) : undefined,
    })
    for (const root of car.roots) this.#roots.set(visitKey(root), root)
    const progress: { last: CID | undefined } = { last: undefined }
    let batch: Checking[] = []
    let batchBytes = 0
    try {
      for await (const block of car.blocks()) {
        signal?.throwIfAborted()
        batch.push(this.#begin(block, block.isOwn ? undefined : memory?.pieces.hold(block.bytes)))
        batchBytes += block.bytes.length
        if (batchBytes < AHEAD_BYTES && batch.length < AHEAD_BLOCKS) continue
        await this.#store(batch, progress, signal)
        batch = []
        batchBytes = 0
      }
      await this.#store(batch, progress, signal)
    } catch (error) {
      await this.#store(batch, progress, signal)
      throw error instanceof Failure ? atBlock(error, progress.last) : error
    }
  }

  /** Begins to hash a block, on another core when it is large. */
  #begin(block: Block, release: (() => void) | undefined): Checking {
    try {
      checkCid(block.cid)
      checkBlockSize(block.bytes.length, this.#allowBigBlock)
      const matches = this.#checker.matches(block.cid, block.bytes)
      // Each is awaited in its turn: one that fails before must not be called unhandled.
      if (matches instanceof Promise) matches.catch(() => undefined)
      return { block, matches, release }
    } catch (error) {
      const refused = Promise.reject<boolean>(error)
      refused.catch(() => undefined)
      return { block, matches: refused, release }
    }
  }

  async #store(batch: Checking[], progress: { last: CID | undefined }, signal: AbortSignal | undefined): Promise<void> {
    for (const { block, matches, release } of batch.splice(0)) {
      const { cid, bytes } = block
      if (!(await matches)) {
        throw new Failure('data-mismatch', `mismatch in content integrity: the bytes do not hash to ${cid}`)
      }
      await this.#repo.blocks.put(cid, bytes, { leaf: await isLeaf(block), release, signal })
      this.stats.blocks += 1
      this.stats.bytes += bytes.length
      progress.last = cid
    }
  }

  /** Makes what was imported durable. */
  async flush(options: Waiting = {}): Promise<void> {
    await this.#repo.blocks.flush(options)
  }

  /** Pins the roots of all CARs, and yields each with the reason why it could not be pinned, empty when it was. */
  async *pinRoots({ signal }: Waiting = {}): AsyncIterable<{ readonly root: CID; readonly cause: string }> {
    const node = { blocks: this.#repo.blocks, repo: this.#repo }
    for (const root of this.#roots.values()) {
      try {
        await addPin(node, root, { signal })
        yield { root, cause: '' }
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        yield { root, cause: pinCause(error) }
      }
    }
  }
}

/** As Kubo's users, and their programs, know it. */
function pinCause({ kind, message, data }: Failure): string {
  return kind === 'not-found' && typeof data?.cid === 'string' ? `ipld: could not find ${data.cid}` : message
}

/** Where the bytes of a CAR lie. With `givesBack` the source uses its pieces again as well. */
interface ImportMemory {
  readonly pieces: CarPieces
  readonly givesBack: boolean
}

interface Checking {
  readonly block: Block
  readonly matches: boolean | Promise<boolean>
  readonly release: (() => void) | undefined
}

/** Returns whether a block has no links. Throws when its codec does not allow it, or is not known. */
async function isLeaf({ cid, bytes }: Block): Promise<boolean> {
  if (isLinkless(cid.code) && cid.code !== RAW) {
    const { decodeNode } = await import('./codecs.ts')
    await decodeNode(cid, bytes)
    return true
  }
  const links = linksOf(cid, bytes)
  return (links instanceof Promise ? await links : links).length === 0
}

const RAW = 0x55

function atBlock(error: Failure, last: CID | undefined): Failure {
  const place = last === undefined ? '' : ` after block "${last}"`
  return new Failure(error.kind, `import failed${place}: ${error.message}`, { hint: error.hint, cause: error })
}
