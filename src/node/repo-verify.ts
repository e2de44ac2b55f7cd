import type { CID } from 'multiformats/cid'
import { Failure, isAbort } from '../contract/failure.ts'
import { Breath } from '../repo/pause.ts'
import type { Blocks, Pin, VerifyEvent, Waiting } from '../repo/roles.ts'
import type { Node } from './node.ts'
import { PinVerifier } from './pin-verify.ts'

/** What a verification found out, as it goes on. */
export type Finding =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  /** A stored block that is not what it should be, and what became of it. */
  | { readonly kind: 'corrupt'; readonly cid: CID; readonly reason: string; readonly fate: Fate }
  /** A block that a pin needs and that is not here, nor was brought back. */
  | { readonly kind: 'missing'; readonly cid: CID }
  /** A pin whose object is not whole. */
  | { readonly kind: 'broken'; readonly pin: Pin; readonly blocks: number }

export type Fate =
  | { readonly kind: 'left' }
  | { readonly kind: 'removed' }
  | { readonly kind: 'kept'; readonly cause: string }
  | { readonly kind: 'healed' }
  | { readonly kind: 'lost'; readonly cause: string }

export interface RepoVerifyOptions extends Waiting {
  /** Removes what is damaged. */
  readonly drop: boolean
  /** Removes what is damaged and fetches it anew, with what pins miss. */
  readonly heal: boolean
  /** Time for each block that is fetched, in milliseconds; 0: no limit. */
  readonly healTimeoutMs: number
}

const REASONS: Readonly<Record<Extract<VerifyEvent, { kind: 'damaged' }>['reason'], string>> = {
  flipped: 'block in storage has different hash than requested',
  cut: 'block in storage is cut off',
  empty: 'the bytes of the block are gone from storage',
  missing: 'the pack or file of the block is missing',
}

/** Reads every block, then looks at every pin for blocks that are damaged or not here, raw leaves too. */
export async function* verifyRepo(node: Node, options: RepoVerifyOptions): AsyncIterable<Finding> {
  const { repo } = node
  const damaged = new Map<string, string>()
  const told = new Set<string>()
  for await (const event of repo.maintenance.verify({ signal: options.signal })) {
    if (event.kind === 'progress') {
      yield event
      continue
    }
    const reason = REASONS[event.reason]
    const fate = await treat(node, event.cid, options)
    told.add(keyOf(event.cid))
    if (fate.kind === 'left' || fate.kind === 'kept') damaged.set(keyOf(event.cid), reason)
    yield { kind: 'corrupt', cid: event.cid, reason, fate }
  }
  yield* verifyPins(node, damaged, told, options)
}

async function treat(node: Node, cid: CID, options: RepoVerifyOptions): Promise<Fate> {
  if (!options.drop && !options.heal) return { kind: 'left' }
  try {
    await node.repo.blocks.delete(cid, { signal: options.signal })
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return { kind: 'kept', cause: error.message }
  }
  return options.heal ? await fetchBlock(node, cid, options) : { kind: 'removed' }
}

/** Fetches a block from the network into the repo. */
async function fetchBlock(node: Node, cid: CID, options: RepoVerifyOptions): Promise<Fate> {
  const limits = [options.signal, options.healTimeoutMs > 0 ? AbortSignal.timeout(options.healTimeoutMs) : undefined]
  try {
    await node.blocks.get(cid, { signal: AbortSignal.any(limits.filter(limit => limit !== undefined)) })
    await node.blocks.flush()
    return { kind: 'healed' }
  } catch (error) {
    options.signal?.throwIfAborted()
    if (isAbort(error)) return { kind: 'lost', cause: 'context deadline exceeded' }
    if (error instanceof Failure) return { kind: 'lost', cause: error.message }
    throw error
  }
}

async function* verifyPins(
  node: Node,
  damaged: ReadonlyMap<string, string>,
  told: Set<string>,
  options: RepoVerifyOptions,
): AsyncIterable<Finding> {
  const { blocks } = node.repo
  const damageOf = (cid: CID): string | undefined => (damaged.size === 0 ? undefined : damaged.get(keyOf(cid)))
  const verifier = new PinVerifier(blocks, damageOf)
  const breath = new Breath()
  for await (const pin of node.repo.pins.list()) {
    await breath.take(options.signal)
    let broken = 0
    for (const cid of await brokenBy(pin, verifier, { blocks, damageOf }, options)) {
      const fate = options.heal ? await fetchBlock(node, cid, options) : undefined
      if (fate?.kind === 'healed') continue
      broken++
      if (!told.has(keyOf(cid))) yield { kind: 'missing', cid }
      told.add(keyOf(cid))
    }
    if (broken > 0) yield { kind: 'broken', pin, blocks: broken }
  }
}

async function brokenBy(
  pin: Pin,
  verifier: PinVerifier,
  { blocks, damageOf }: { readonly blocks: Pick<Blocks, 'stat'>; readonly damageOf: DamageOf },
  { signal }: Waiting,
): Promise<CID[]> {
  if (pin.mode === 'recursive') return (await verifier.verify(pin.cid, { signal })).map(({ cid }) => cid)
  if (damageOf(pin.cid) !== undefined) return [pin.cid]
  try {
    return (await blocks.stat(pin.cid, { signal })) === undefined ? [pin.cid] : []
  } catch (error) {
    if (error instanceof Failure) return [pin.cid]
    throw error
  }
}

type DamageOf = (cid: CID) => string | undefined

function keyOf(cid: CID): string {
  return Buffer.from(cid.multihash.bytes).toString('latin1')
}
