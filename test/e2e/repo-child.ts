/**
 * One process of the tests in `repo-processes.test.ts`: `repo-child.ts MODE REPO SEED COUNT [WRITES]`.
 * `add` puts COUNT blocks below a root and pins it, `loop` does so without end, `gc` collects without end, `pause` puts
 * blocks, waits for a line on standard input and pins them. Each root is printed when it is pinned.
 * WRITES is `always` for a run that writes around the page cache.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { GLOBALS_DEFAULT } from '../../src/contract/globals.ts'
import { encodeDagPb } from '../../src/node/dag-pb.ts'
import { collectGarbage } from '../../src/node/gc.ts'
import { openRepo, type StoredRepo } from '../../src/repo/open.ts'
import type { Block } from '../../src/repo/roles.ts'

const RAW = 0x55
const DAG_PB = 0x70

function blockOf(bytes: Uint8Array, code: number): Block {
  const digest = createHash('sha256').update(bytes).digest()
  return { cid: CID.createV1(code, Digest.create(0x12, digest)), bytes }
}

/** Returns a root and its leaves, of which every second is the same for all seeds. */
function makeDag(seed: number, count: number): Block[] {
  const leaves = Array.from({ length: count }, (_, nth) => {
    const bytes = new Uint8Array(nth % 10 === 0 ? 40_000 : 300)
    new DataView(bytes.buffer).setFloat64(0, nth % 2 === 0 ? nth : seed * 1e6 + nth)
    return blockOf(bytes, RAW)
  })
  const links = leaves.map(({ cid, bytes }) => ({ name: '', cid, size: bytes.length }))
  return [...leaves, blockOf(encodeDagPb({ links }), DAG_PB)]
}

async function putDag(repo: StoredRepo, dag: readonly Block[]): Promise<void> {
  for (const { cid, bytes } of dag) await repo.blocks.put(cid, bytes)
}

async function pinDag(repo: StoredRepo, dag: readonly Block[]): Promise<void> {
  const cid = dag.at(-1)?.cid
  if (cid === undefined) return
  await repo.pins.put([{ cid, mode: 'recursive', name: '' }])
  process.stdout.write(`${cid}\n`)
}

const [, , mode, path = '', seedText, countText, writes] = process.argv
const seed = Number(seedText)
const count = Number(countText)
await using repo = await openRepo(path, {
  globals: GLOBALS_DEFAULT,
  directWrites: writes === 'always' ? 'always' : undefined,
})
if (mode === 'gc') {
  process.stdout.write('ready\n')
  let ended = false
  process.stdin.on('end', () => {
    ended = true
  })
  process.stdin.resume()
  let rounds = 0
  for (; !ended; rounds++) {
    for await (const _ of collectGarbage(repo)) if (ended) break
    // A collection that finds nothing to do may end without a turn of the event loop, and the end of input needs one.
    await setImmediate()
  }
  process.stdout.write(`${rounds} rounds\n`)
} else if (mode === 'loop') {
  for (let round = 0; ; round++) {
    const dag = makeDag(seed * 1000 + round, count)
    await putDag(repo, dag)
    await pinDag(repo, dag)
  }
} else {
  const dag = makeDag(seed, count)
  await putDag(repo, dag)
  if (mode === 'pause') {
    await repo.blocks.flush()
    process.stdout.write('waiting\n')
    await once(process.stdin, 'data')
    process.stdin.destroy()
  }
  await pinDag(repo, dag)
}
