import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { Waiting } from '../repo/roles.ts'
import { IDENTITY } from './hash.ts'
import { findPins, type PinnerNode } from './pinner.ts'

/** Removes a block that nothing pins. Returns why it could not be removed, in the words of the reference implementation. */
export async function removeBlock(
  node: PinnerNode,
  cid: CID,
  options: Waiting & { readonly force: boolean },
): Promise<string | undefined> {
  const { force, signal } = options
  try {
    const [pinned] = await node.repo.pins.ofBlock(cid)
    if (pinned !== undefined) return `pinned: ${pinned.mode}`
    const [pin] = await findPins(node, [cid], 'all', { signal })
    if (pin?.mode === 'indirect') return `pinned via ${pin.via}`
    if (pin !== undefined) return `pinned: ${pin.mode}`
  } catch (error) {
    // A pin that is broken already says nothing about this block, but neither can it be ruled out.
    if (error instanceof Failure) return `pin check failed: ${error.message}`
    throw error
  }
  // Such a block is everywhere, and nowhere.
  if (cid.multihash.code === IDENTITY) return undefined
  const removed = await node.repo.blocks.delete(cid, { signal })
  return removed || force ? undefined : `ipld: could not find ${cid}`
}
