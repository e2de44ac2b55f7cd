import { resolve } from 'node:path'
import type { Caller } from '../contract/command.ts'
import type { SourceEntry } from '../contract/source.ts'

/**
 * Returns the path on this machine that a word names, undefined when it names something in IPFS or MFS. What begins
 * with `./`, `../`, `/` or `file:` is local, but for `/ipfs/…`, `/ipns/…` and `/ipld/…`; `-` is standard input; of all
 * else a CID and a path below one is in IPFS, whatever files there are.
 */
export async function localPathOf(word: string): Promise<string | undefined> {
  if (word.startsWith('file:')) return word.slice('file:'.length)
  if (/^(mfs:|ipfs:|ipns:|ipld:|\/(ipfs|ipns|ipld)\/)/i.test(word)) return undefined
  if (/^(\.{1,2}(\/|$)|\/)/.test(word) || word === '-') return word
  const { CidError, decodeCid } = await import('../node/cid.ts')
  try {
    decodeCid(word.split('/')[0] ?? '')
    return undefined
  } catch (error) {
    if (error instanceof CidError) return word
    throw error
  }
}

/** Yields what lies at a path of the caller, or comes from standard input, below the name of its side. */
export async function* sendSide(side: string, path: string, { io, signal }: Caller): AsyncIterable<SourceEntry> {
  if (path === '-') {
    yield { path: side, type: 'file', content: () => io.stdin }
    return
  }
  const { readLocalTree } = await import('../node/local-tree.ts')
  yield* readLocalTree(resolve(io.cwd, path), side, { signal })
}
