import { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import { pause } from '../../repo/pause.ts'
import { MFS_ROOT_KEY } from '../../repo/roles.ts'
import type { Node } from '../node.ts'
import { treeSettings } from './settings.ts'
import { MfsTree, type TreeBlocks } from './tree.ts'

/** What MFS needs of a node. */
export type MfsNode = Pick<Node, 'repo' | 'blocks' | 'globals'>

/** The MFS tree as it is now, to be read. Saving it makes CIDs, but stores nothing in the repo. */
export interface MfsView {
  readonly tree: MfsTree
  /** The blocks of the node, and those that the view made. */
  readonly blocks: TreeBlocks
}

/** Opens the MFS tree as it is now, to read it. */
export async function openMfs(node: MfsNode, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<MfsView> {
  const made = new Map<string, Uint8Array>()
  const blocks: TreeBlocks = {
    get: async (cid, options) => made.get(String(cid)) ?? (await node.blocks.get(cid, options)),
    put: async (cid, bytes) => {
      made.set(String(cid), bytes)
    },
  }
  return { tree: (await openAt(node, blocks, signal)).tree, blocks }
}

/**
 * Changes MFS in one step: `change` works on a copy of the tree, then the root is swapped for the new one. When another
 * process was faster, `change` runs again on what that one left, so it must do nothing that cannot be done twice.
 * Durable when it returns.
 */
export async function changeMfs<T>(
  node: MfsNode,
  change: (tree: MfsTree) => Promise<T>,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const deadline = performance.now() + node.globals.lockTimeoutMs
  for (let round = 0; ; round += 1) {
    signal?.throwIfAborted()
    const { tree, stored } = await openAt(node, node.blocks, signal)
    const result = await change(tree)
    if (!tree.changed) return result
    const { cid } = await tree.save()
    // Waiting for the disk is what takes long: look first whether it would be in vain.
    if (sameBytes(await node.repo.values.get(MFS_ROOT_KEY), stored)) {
      await node.blocks.flush({ signal })
      if (await node.repo.values.compareAndSwap(MFS_ROOT_KEY, stored, cid.bytes)) return result
    }
    if (performance.now() > deadline) {
      throw new Failure('locked', 'other processes keep changing MFS', { hint: 'raise --lock-timeout' })
    }
    await pause(round, signal)
  }
}

/** Returns the stored root of MFS; undefined when nothing was ever written to it. */
export async function storedRoot(node: Pick<Node, 'repo'>): Promise<CID | undefined> {
  const stored = await node.repo.values.get(MFS_ROOT_KEY)
  return stored === undefined ? undefined : rootFromBytes(stored)
}

async function openAt(node: MfsNode, blocks: TreeBlocks, signal: AbortSignal | undefined) {
  const settings = treeSettings(await node.repo.config.read())
  const stored = await node.repo.values.get(MFS_ROOT_KEY)
  if (stored === undefined) return { stored, tree: await MfsTree.open(blocks, undefined, settings, { signal }) }
  const cid = rootFromBytes(stored)
  try {
    const bytes = await node.repo.blocks.get(cid, { signal })
    return { stored, tree: await MfsTree.open(blocks, { cid, bytes }, settings, { signal }) }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(error.kind, `error loading the MFS root ${cid}: ${error.message}`, {
      hint: 'restore the block, or reset MFS with `tsipfs files chroot --confirm`',
      cause: error,
    })
  }
}

function rootFromBytes(bytes: Uint8Array): CID {
  try {
    return CID.decode(bytes)
  } catch (error) {
    throw new Failure('failed', 'the stored MFS root is not a CID', {
      hint: 'reset MFS with `tsipfs files chroot --confirm`',
      cause: error,
    })
  }
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0)
}
