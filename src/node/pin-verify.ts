import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import { Breath } from '../repo/pause.ts'
import type { BlockStat, Blocks, Waiting } from '../repo/roles.ts'
import { isLinkless } from './codecs.ts'
import { childrenOf, visitKey } from './dag-walk.ts'
import { checkCid } from './hash.ts'

/** A block that breaks a pin. */
export interface BadBlock {
  readonly cid: CID
  /** What is wrong with it, in one line. */
  readonly cause: string
}

/** How many children are looked up together. */
const BATCH_MAX = 512

type Looking = Pick<Blocks, 'get' | 'stat' | 'statMany'>

interface Frame {
  readonly cid: CID
  readonly key: string
  readonly children: readonly CID[]
  next: number
  /** What is known of the children from `statsAt` on; undefined when they cannot be asked about together. */
  stats: readonly (BlockStat | undefined)[] | undefined
  statsAt: number
  isWhole: boolean
}

/**
 * Looks for what is missing or damaged below pins. One verifier is used for all pins: it looks at each block once.
 * Leaves that the index knows are looked up, not read.
 */
export class PinVerifier {
  readonly #blocks: Looking
  readonly #damageOf: (cid: CID) => string | undefined
  readonly #breath = new Breath()
  /** For each block that was looked at, whether all below it is whole. */
  readonly #whole = new Map<string, boolean>()
  readonly #bad = new Map<string, BadBlock>()

  /** `damageOf` says of blocks that are known to be damaged what is wrong with them. */
  constructor(blocks: Looking, damageOf: (cid: CID) => string | undefined = () => undefined) {
    this.#blocks = blocks
    this.#damageOf = damageOf
  }

  /** Returns the blocks that break a DAG, each once, in depth-first order; none when it is whole. */
  async verify(root: CID, options: Waiting = {}): Promise<BadBlock[]> {
    if (await this.#isWhole(root, options)) return []
    return await this.#collect(root, options)
  }

  async #isWhole(root: CID, options: Waiting): Promise<boolean> {
    const frames: Frame[] = []
    let done = await this.#enter(root, frames, options)
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      if (done !== undefined) frame.isWhole &&= done
      const child = frame.children[frame.next]
      if (child !== undefined) {
        if (frame.next >= frame.statsAt + (frame.stats?.length ?? 1)) await this.#lookAhead(frame, options)
        const stat = frame.stats === undefined ? ('unasked' as const) : frame.stats[frame.next - frame.statsAt]
        frame.next += 1
        done = await this.#enter(child, frames, options, stat)
        continue
      }
      frames.pop()
      done = frame.isWhole
      this.#whole.set(frame.key, done)
    }
    return done ?? true
  }

  /** Returns whether a block is whole when that is known without looking below it; else begins to look below it. */
  async #enter(
    cid: CID,
    frames: Frame[],
    { signal }: Waiting,
    asked: BlockStat | undefined | 'unasked' = 'unasked',
  ): Promise<boolean | undefined> {
    const key = visitKey(cid)
    const known = this.#whole.get(key)
    if (known !== undefined) return known
    if (this.#breath.due) await this.#breath.take(signal)
    try {
      checkCid(cid)
      const damage = this.#damageOf(cid)
      if (damage !== undefined) throw new Failure('data-mismatch', `block ${cid} is damaged: ${damage}`)
      const stat = asked === 'unasked' ? await this.#blocks.stat(cid, { signal }) : asked
      if (stat === undefined) throw new Failure('not-found', missingText(cid))
      if (!stat.leaf && !isLinkless(cid.code)) {
        const children = await childrenOf(cid, await this.#blocks.get(cid, { signal }))
        frames.push({ cid, key, children, next: 0, stats: [], statsAt: 0, isWhole: true })
        return undefined
      }
      this.#whole.set(key, true)
      return true
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      this.#whole.set(key, false)
      this.#bad.set(key, { cid, cause: error.kind === 'not-found' ? missingText(cid) : error.message })
      return false
    }
  }

  /** Asks about the next children together; where that fails each is asked about by itself. */
  async #lookAhead(frame: Frame, { signal }: Waiting): Promise<void> {
    frame.statsAt = frame.next
    try {
      frame.stats = await this.#blocks.statMany(frame.children.slice(frame.next, frame.next + BATCH_MAX), { signal })
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      frame.stats = undefined
    }
  }

  /** Goes down to the bad blocks, by way of what is not whole only. */
  async #collect(root: CID, { signal }: Waiting): Promise<BadBlock[]> {
    const bad: BadBlock[] = []
    const seen = new Set<string>()
    const pending = [root]
    for (let cid = pending.pop(); cid !== undefined; cid = pending.pop()) {
      const key = visitKey(cid)
      if (seen.has(key) || this.#whole.get(key) !== false) continue
      seen.add(key)
      const found = this.#bad.get(key)
      if (found !== undefined) bad.push(found)
      else pending.push(...(await childrenOf(cid, await this.#blocks.get(cid, { signal }))).reverse())
    }
    return bad
  }
}

/** Says that a block is missing, in the words of the reference implementation. */
export function missingText(cid: CID): string {
  return `block was not found locally (offline): ipld: could not find ${cid}`
}
