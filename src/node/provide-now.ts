import type { CID } from 'multiformats/cid'
import { Failure } from '../contract/failure.ts'
import type { Waiting } from '../repo/roles.ts'
import { parseCid } from './cid.ts'
import { HashSet } from './hash-set.ts'
import type { Network } from './network/network.ts'
import { dagHere } from './network/provide-keys.ts'
import { valueAt } from './network/settings.ts'
import type { Node } from './node.ts'
import { queueProvide } from './provide-queue.ts'

/** CIDs that are queued in one step. */
const BATCH_MAX = 512

type ProvideNode = Pick<Node, 'repo' | 'network'>

/** Throws, in Kubo's words which differ from command to command, when nothing can be provided now. */
export async function checkProviding(
  node: ProvideNode,
  words: { readonly disabled: string; readonly alone: string },
  options: Waiting,
): Promise<Network> {
  const config = await node.repo.config.read()
  if (valueAt(config, 'Provide.Enabled') === false) throw new Failure('failed', words.disabled)
  const network = await node.network(options)
  if (network.swarm.connections().length === 0) throw new Failure('network', words.alone)
  return network
}

/** Yields the CIDs of `texts` (with --recursive, of all blocks below too), each once, when they have been queued. */
export async function* queueCids(
  node: ProvideNode,
  texts: Iterable<string>,
  options: Waiting & { readonly recursive: boolean },
): AsyncIterable<CID> {
  const met = new HashSet()
  let batch: CID[] = []
  for (const text of texts) {
    const root = await blockHere(node, text)
    const cids = options.recursive ? dagHere(node.repo, root, { signal: options.signal }) : [root]
    for await (const cid of cids) {
      if (!met.add(cid.multihash.bytes)) continue
      batch.push(cid)
      if (batch.length < BATCH_MAX) continue
      await queueProvide(node.repo.values, batch)
      yield* batch
      batch = []
    }
  }
  await queueProvide(node.repo.values, batch)
  yield* batch
}

/** Returns the CID of a text. Throws `not-found` when its block is not here. */
export async function blockHere(node: Pick<Node, 'repo'>, text: string): Promise<CID> {
  const cid = parseCid(text.replace(/^\/ipfs\//, ''))
  if (await node.repo.blocks.has(cid)) return cid
  throw new Failure('not-found', `block ${cid} not found locally, cannot provide`, { data: { cid: String(cid) } })
}
