import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { Blocks, Pin, PinMode, Pins, Repo, Waiting } from '../repo/roles.ts'
import { visitDag, visitKey } from './dag-walk.ts'

/** The longest name of a pin in bytes. */
export const PIN_NAME_BYTES_MAX = 255

/** What the pinner works on: blocks that may come from elsewhere, and the repo's own. */
export interface PinnerNode {
  readonly blocks: Blocks
  readonly repo: Pick<Repo, 'pins' | 'blocks'>
}

/** Options of `addPin`. */
export interface AddPinOptions extends Waiting {
  readonly recursive?: boolean
  readonly name?: string | undefined
  /** Called for each block that was found. */
  readonly visited?: (size: number) => void | Promise<void>
}

/** Throws `usage` for a name that is too long for a pin. */
export function checkPinName(name: string | undefined): void {
  const length = Buffer.byteLength(name ?? '')
  if (length > PIN_NAME_BYTES_MAX) {
    throw new Failure('usage', `pin name is ${length} bytes (max ${PIN_NAME_BYTES_MAX} bytes)`)
  }
}

/**
 * Pins a block, or (the default) a block and all below it. What is not here is asked of `node.blocks`. Blocks are kept
 * from garbage collection from the moment they are met, and the pin is stored when all of them are durable. A pin that
 * is there gets the new name.
 */
export async function addPin(node: PinnerNode, cid: CID, options: AddPinOptions = {}): Promise<void> {
  const { pins } = node.repo
  const { name = '', signal } = options
  checkPinName(name)
  if (options.recursive === false) {
    const present = await pins.get(cid)
    if (present?.mode === 'recursive') throw new Failure('failed', `pin: ${cid} already pinned recursively`)
    await node.repo.blocks.protect([cid], { signal })
    const bytes = await node.blocks.get(cid, { signal })
    await options.visited?.(bytes.length)
    await node.repo.blocks.flush({ signal })
    await pins.put([{ cid, mode: 'direct', name }])
    return
  }
  await fetchDag(node, [cid], options)
  // A direct pin of the same block is taken over.
  await pins.replace([cid], [{ cid, mode: 'recursive', name }])
}

/** Makes sure that all below the roots is here, durable, and safe from garbage collection while this process lives. */
export async function fetchDag(node: PinnerNode, roots: Iterable<CID>, options: AddPinOptions = {}): Promise<void> {
  const { signal } = options
  const before = (cids: readonly CID[]): Promise<CID[]> => node.repo.blocks.protect(cids, { signal })
  for await (const { size } of visitDag(node.blocks, roots, { signal, before })) await options.visited?.(size)
  await node.repo.blocks.flush({ signal })
}

/** Removes a pin. Without `recursive` only direct pins go. Throws `not-found` for what is not pinned itself. */
export async function removePin(pins: Pins, cid: CID, recursive: boolean): Promise<void> {
  const pin = await pins.get(cid)
  if (pin === undefined)
    throw new Failure('not-found', 'not pinned or pinned indirectly', { data: { cid: String(cid) } })
  if (pin.mode === 'recursive' && !recursive) throw new Failure('failed', `${cid} is pinned recursively`)
  await pins.delete([cid])
}

/** Moves a recursive pin, with its name, to another root; without `unpin` the old one stays. */
export async function updatePin(
  node: PinnerNode,
  from: CID,
  to: CID,
  options: Waiting & { readonly unpin: boolean },
): Promise<void> {
  const { pins } = node.repo
  const old = await pins.get(from)
  if (old?.mode !== 'recursive') throw new Failure('not-found', "'from' cid was not recursively pinned already")
  if (from.equals(to)) return
  const present = await pins.get(to)
  if (present?.mode === 'recursive') throw new Failure('failed', "'to' cid was already recursively pinned")
  await fetchDag(node, [to], options)
  await pins.replace(options.unpin ? [from] : [], [{ cid: to, mode: 'recursive', name: old.name }])
}

/** How a block is pinned. */
export type PinStatus =
  | { readonly mode: PinMode; readonly name: string }
  | { readonly mode: 'indirect'; readonly name: ''; readonly via: CID }

/** The types of pins that can be asked for. */
export type PinType = PinMode | 'indirect' | 'all'

/**
 * Returns how each of the CIDs is pinned, undefined where it is not, or not in the way that was asked for. Looks below
 * recursive pins only when it must, and stops when all was found.
 */
export async function findPins(
  node: PinnerNode,
  cids: readonly CID[],
  type: PinType,
  options: Waiting = {},
): Promise<(PinStatus | undefined)[]> {
  const found: (PinStatus | undefined)[] = []
  const wanted = new Map<string, number[]>()
  for (const [index, cid] of cids.entries()) {
    const pin = await node.repo.pins.get(cid)
    found.push(pin !== undefined && (type === 'all' || type === pin.mode) ? pin : undefined)
    const isIndirect = type === 'indirect' ? pin?.mode !== 'recursive' : type === 'all' && pin === undefined
    if (isIndirect) addTo(wanted, visitKey(cid), index)
  }
  if (wanted.size > 0) await findIndirect(node, wanted, found, options)
  return found
}

async function findIndirect(
  node: PinnerNode,
  wanted: Map<string, number[]>,
  found: (PinStatus | undefined)[],
  { signal }: Waiting,
): Promise<void> {
  const seen = new Set<string>()
  for await (const { cid: via } of node.repo.pins.list({ mode: 'recursive' })) {
    // A root is no indirect pin of itself, but it may lie below another.
    for await (const { cid } of visitDag(localBlocks(node), [via], { signal, seen })) {
      const key = visitKey(cid)
      for (const index of wanted.get(key) ?? []) found[index] = { mode: 'indirect', name: '', via }
      wanted.delete(key)
      if (wanted.size === 0) return
    }
  }
}

/** What is pinned lies here: nothing is asked of the network to list pins. */
function localBlocks(node: PinnerNode): Blocks {
  return node.repo.blocks
}

function addTo(map: Map<string, number[]>, key: string, value: number): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

/** A pin as `pin ls` lists it. */
export interface ListedPin {
  readonly cid: CID
  readonly mode: PinMode | 'indirect'
  readonly name: string
}

/** Yields pins, each block once, at once when it is found: those that are stored, then what lies below the recursive ones. */
export async function* listPins(
  node: PinnerNode,
  type: PinType,
  options: Waiting & { readonly name?: string | undefined } = {},
): AsyncIterable<ListedPin> {
  const { name = '', signal } = options
  const stored: Pin[] = []
  for await (const pin of node.repo.pins.list({ mode: type === 'all' || type === 'indirect' ? 'all' : type })) {
    signal?.throwIfAborted()
    stored.push(pin)
    if (type !== 'indirect' && pin.name.includes(name)) yield pin
  }
  if ((type !== 'all' && type !== 'indirect') || name !== '') return
  const listed = new Set(stored.map(({ cid }) => visitKey(cid)))
  const seen = new Set<string>()
  for (const { cid: root, mode } of stored) {
    if (mode !== 'recursive') continue
    for await (const { cid } of visitDag(localBlocks(node), [root], { signal, seen })) {
      if (!listed.has(visitKey(cid))) yield { cid, mode: 'indirect', name: '' }
    }
  }
}
