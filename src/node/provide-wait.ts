import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { Waiting } from '../repo/roles.ts'
import { HashSet } from './hash-set.ts'
import type { Routing } from './network/network.ts'
import { dagHere } from './network/provide-keys.ts'
import type { Node } from './node.ts'
import { type ProvidePlan, provideEntry } from './provide-queue.ts'

/** CIDs that the daemon is asked to announce in one call. */
const BATCH_MAX = 64
const STILL_QUEUED = 'it stays in the queue: a daemon on this repo announces it'

/**
 * Announces roots, and returns when peers have taken the records: through the daemon on this repo, else, when it must
 * be, through a node that has the repo's identity until it is done. Throws `network` when nobody took them.
 */
export async function provideAndWait(
  node: Node,
  roots: readonly CID[],
  plan: ProvidePlan,
  options: Waiting = {},
): Promise<void> {
  if (plan.wait === undefined || roots.length === 0) return
  try {
    if (!(await announce(node, roots, plan, options))) return
  } catch (error) {
    options.signal?.throwIfAborted()
    if (!(error instanceof Failure)) throw error
    const text = plan.wait === 'may' ? 'fast-provide' : 'not announced'
    throw new Failure(error.kind, `${text}: ${error.message}`, {
      hint: error.hint ?? STILL_QUEUED,
      // Whoever shows the result only at the end shows it all the same.
      data: { done: 'all but announced' },
      cause: error,
    })
  }
  // Nothing is left to be done for these; what lies below a root is, unless it was waited for.
  if (plan.scope !== 'root' && !plan.waitsForAll) return
  const done = roots.map(cid => [provideEntry(cid, 'root')[0], undefined] as const)
  await node.repo.values.batch(new Map(done))
}

/** Returns false when there is nobody who could announce anything, and that does not matter. */
async function announce(node: Node, roots: readonly CID[], plan: ProvidePlan, options: Waiting): Promise<boolean> {
  const cids = plan.waitsForAll ? blocksBelow(node, roots, options) : roots
  if (node.daemon !== undefined) {
    if (node.globals.offline && plan.wait === 'may') return false
    const { routing } = await node.network(options)
    await announceAll(routing, cids, options)
    return true
  }
  if (node.provideByDaemon !== undefined) {
    const isThere = await inBatches(cids, batch => node.provideByDaemon?.(batch, options) ?? Promise.resolve(false))
    if (isThere) return true
  }
  if (plan.wait === 'may') return false
  await announceAlone(node, plan.waitsForAll ? blocksBelow(node, roots, options) : roots, options)
  return true
}

async function announceAll(
  routing: Routing,
  cids: AsyncIterable<CID> | Iterable<CID>,
  options: Waiting,
): Promise<void> {
  for await (const cid of cids) await routing.provide(cid, options)
}

/** Takes part in the network as the repo's own peer, which nobody else may be meanwhile. */
async function announceAlone(node: Node, cids: AsyncIterable<CID> | Iterable<CID>, options: Waiting): Promise<void> {
  const [{ KernelLock }, { layoutOf }, { startNetwork }, { awaitPeers }] = await Promise.all([
    import('../repo/locks.ts'),
    import('../repo/layout.ts'),
    import('./network/start.ts'),
    import('./network/await-peers.ts'),
  ])
  using lock = KernelLock.tryExclusive(layoutOf(node.repo.path).daemonLock)
  if (lock === undefined) {
    throw new Failure('locked', 'a daemon that does not answer yet has the identity of this repo', {
      hint: 'wait for it: tsipfs daemon wait',
    })
  }
  const { signal = new AbortController().signal } = options
  await using network = await startNetwork(node, { identity: 'repo', signal })
  network.settle()
  await awaitPeers(network, node.globals, signal)
  await announceAll(network.routing, cids, { signal })
}

async function* blocksBelow(node: Node, roots: readonly CID[], options: Waiting): AsyncIterable<CID> {
  const met = new HashSet()
  for (const root of roots) {
    for await (const cid of dagHere(node.repo, root, options)) if (met.add(cid.multihash.bytes)) yield cid
  }
}

/** Stops, and returns false, when `work` does. */
async function inBatches(
  cids: AsyncIterable<CID> | Iterable<CID>,
  work: (batch: readonly CID[]) => Promise<boolean>,
): Promise<boolean> {
  let batch: CID[] = []
  for await (const cid of cids) {
    batch.push(cid)
    if (batch.length < BATCH_MAX) continue
    if (!(await work(batch))) return false
    batch = []
  }
  return batch.length === 0 || (await work(batch))
}
