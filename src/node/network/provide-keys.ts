import { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import { MFS_ROOT_KEY, type Repo, type Waiting } from '../../repo/roles.ts'
import { CidSet } from '../cid-set.ts'
import { visitBytes, visitDag } from '../dag-walk.ts'
import { HashSet } from '../hash-set.ts'
import type { ProvideSource } from './provide-settings.ts'

type KeyRepo = Pick<Repo, 'blocks' | 'pins' | 'values'>

/** Yields the blocks that a strategy names and that are here, each once. */
export async function* provideKeys(
  repo: KeyRepo,
  sources: ReadonlySet<ProvideSource>,
  options: Waiting = {},
): AsyncIterable<CID> {
  if (sources.has('all')) {
    for await (const { cid } of repo.blocks.list(options)) yield cid
    return
  }
  const met = new HashSet()
  const seen = new CidSet(visitBytes)
  if (sources.has('mfs')) {
    const root = await repo.values.get(MFS_ROOT_KEY)
    if (root !== undefined) yield* unmet(dagHere(repo, CID.decode(root), { ...options, seen }), met)
  }
  if (!sources.has('pinned') && !sources.has('roots')) return
  for await (const { cid, mode } of repo.pins.list({ mode: 'all' })) {
    const walks = sources.has('pinned') && mode === 'recursive'
    yield* unmet(walks ? dagHere(repo, cid, { ...options, seen }) : [cid], met)
  }
}

/** Yields the blocks of a DAG, as far as it is here. */
export async function* dagHere(
  { blocks }: Pick<Repo, 'blocks'>,
  root: CID,
  options: Waiting & { readonly seen?: CidSet } = {},
): AsyncIterable<CID> {
  try {
    for await (const { cid } of visitDag(blocks, [root], options)) yield cid
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'not-found') throw error
  }
}

async function* unmet(cids: AsyncIterable<CID> | Iterable<CID>, met: HashSet): AsyncIterable<CID> {
  for await (const cid of cids) if (met.add(cid.multihash.bytes)) yield cid
}
