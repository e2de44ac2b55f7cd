import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { Blocks, Pin, PinMode, Pins, Repo, Waiting } from '../repo/roles.ts'
import { CidSet } from './cid-set.ts'
import { exactBytes, visitBytes, visitDag, visitKey } from './dag-walk.ts'

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
  /** When the pin stops to count, in milliseconds since 1970. One that would last longer, or for ever, is not cut short. */
  readonly expires?: number | undefined
  /** Labels to set; one with an empty value is taken away. */
  readonly labels?: Readonly<Record<string, string>> | undefined
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
  const present = await pins.get(cid)
  const marks = marksOf(present, options)
  if (options.recursive === false) {
    if (present?.mode === 'recursive') throw new Failure('failed', `pin: ${cid} already pinned recursively`)
    await options.visited?.(await addBlock(node, cid, { signal }))
    await pins.put([{ cid, mode: 'direct', name, ...marks }])
    return
  }
  await fetchDag(node, [cid], options)
  // A direct pin of the same block is taken over.
  await pins.replace([cid], [{ cid, mode: 'recursive', name, ...marks }])
}

/** Returns what a pin that is set anew keeps of the present one. */
export function marksOf(
  present: Pin | undefined,
  options: Pick<AddPinOptions, 'expires' | 'labels'> = {},
): Pick<Pin, 'expires' | 'labels'> {
  const labels = Object.entries({ ...present?.labels, ...options.labels }).filter(([, value]) => value !== '')
  const { expires } = options
  const isLonger = present !== undefined && expires !== undefined && (present.expires ?? expires) > expires
  const isForEver = present !== undefined && present.expires === undefined
  return {
    expires: isForEver ? undefined : isLonger ? present.expires : expires,
    labels: labels.length === 0 ? undefined : Object.fromEntries(labels),
  }
}

/**
 * Makes a pin last to `expires` (undefined: for ever), from where it is kept: what is no longer here is fetched first.
 * One that lasts longer stays as it is, unless `shorten` is set. Throws `not-found` for what is not pinned itself.
 */
export async function extendPin(
  node: PinnerNode,
  cid: CID,
  options: Waiting & { readonly expires: number | undefined; readonly shorten: boolean },
): Promise<Pin> {
  const { pins } = node.repo
  const pin = await pins.get(cid, { expired: true })
  if (pin === undefined) {
    throw new Failure('not-found', `${cid} is not pinned, or its pin expired and was collected`, {
      hint: `pin it again with: tsipfs pin add ${cid}`,
      data: { cid: String(cid) },
    })
  }
  const { expires, shorten } = options
  const lasts = pin.expires ?? Number.POSITIVE_INFINITY
  if (!shorten && (expires ?? Number.POSITIVE_INFINITY) <= lasts) return pin
  // Blocks of a pin that has expired may be gone already.
  if (pin.mode === 'recursive') await fetchDag(node, [cid], options)
  else await addBlock(node, cid, options)
  const extended = { ...pin, expires }
  await pins.put([extended])
  return extended
}

/** Makes sure that a block is here, durable, and safe from garbage collection; returns its size. */
async function addBlock(node: PinnerNode, cid: CID, { signal }: Waiting): Promise<number> {
  await node.repo.blocks.protect([cid], { signal })
  const bytes = await node.blocks.get(cid, { signal })
  await node.blocks.flush({ signal })
  return bytes.length
}

/** Makes sure that all below the roots is here, durable, and safe from garbage collection while this process lives. */
export async function fetchDag(node: PinnerNode, roots: Iterable<CID>, options: AddPinOptions = {}): Promise<void> {
  const { signal } = options
  const before = (cids: readonly CID[]): Promise<CID[]> => node.repo.blocks.protect(cids, { signal })
  for await (const { size } of visitDag(node.blocks, roots, { signal, before })) await options.visited?.(size)
  await node.blocks.flush({ signal })
}

/** Removes a pin. Without `recursive` only direct pins go. Throws `not-found` for what is not pinned itself. */
export async function removePin(pins: Pins, cid: CID, recursive: boolean): Promise<void> {
  const pin = await pins.get(cid, { expired: true })
  if (pin === undefined) {
    const [other] = await pins.ofBlock(cid)
    throw new Failure('not-found', 'not pinned or pinned indirectly', {
      data: { cid: String(cid) },
      hint: other === undefined ? undefined : `its block is pinned as ${other.cid}: tsipfs pin rm ${other.cid}`,
    })
  }
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
  await pins.replace(options.unpin ? [from] : [], [{ ...old, cid: to }])
}

/** How a block is pinned. */
export type PinStatus = Omit<Pin, 'cid'> | { readonly mode: 'indirect'; readonly name: ''; readonly via: CID }

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
  const seen = new CidSet(visitBytes)
  for await (const { cid: via } of node.repo.pins.list({ mode: 'recursive' })) {
    // A root is no indirect pin of itself, but it may lie below another.
    for await (const { cid } of visitDag(localBlocks(node), [via], { signal, seen })) {
      if (cid.equals(via)) continue
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
  readonly expires?: number | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
}

/** Which pins `listPins` yields. */
export interface ListPinsOptions extends Waiting {
  /** Part of the name. */
  readonly name?: string | undefined
  /** Only those that have expired, and were not collected yet. */
  readonly expired?: boolean | undefined
  /** Labels that a pin must have; undefined: with any value. */
  readonly labels?: ReadonlyMap<string, string | undefined> | undefined
}

/** Yields pins, each block once, at once when it is found: those that are stored, then what lies below the recursive ones. */
export async function* listPins(
  node: PinnerNode,
  type: PinType,
  options: ListPinsOptions = {},
): AsyncIterable<ListedPin> {
  const { name = '', signal, expired = false, labels = new Map<string, string | undefined>() } = options
  const now = Date.now()
  const isWanted = (pin: Pin): boolean =>
    pin.name.includes(name) &&
    (!expired || (pin.expires !== undefined && pin.expires <= now)) &&
    [...labels].every(([key, value]) => {
      const has = pin.labels !== undefined && Object.hasOwn(pin.labels, key) ? pin.labels[key] : undefined
      return has !== undefined && (value === undefined || value === has)
    })
  const stored: Pin[] = []
  for await (const pin of node.repo.pins.list({
    mode: type === 'all' || type === 'indirect' ? 'all' : type,
    expired,
  })) {
    signal?.throwIfAborted()
    stored.push(pin)
    if (type !== 'indirect' && isWanted(pin)) yield pin
  }
  if ((type !== 'all' && type !== 'indirect') || name !== '' || expired || labels.size > 0) return
  // Both versions of one CID are listed, as in Kubo.
  const listed = new CidSet(exactBytes)
  for (const { cid } of stored) listed.add(cid)
  const seen = new CidSet(exactBytes)
  for (const { cid: root, mode } of stored) {
    if (mode !== 'recursive') continue
    for await (const { cid } of visitDag(localBlocks(node), [root], { signal, seen })) {
      if (!listed.has(cid)) yield { cid, mode: 'indirect', name: '' }
    }
  }
}
