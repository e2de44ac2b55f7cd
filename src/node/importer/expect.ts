import { createHash } from 'node:crypto'
import { Failure } from '../../contract/failure.ts'
import type { SourceEntry } from '../../contract/source.ts'
import { CidError, decodeCid } from '../cid.ts'
import { visitKey } from '../dag-walk.ts'
import type { Imported } from './import-tree.ts'

const SHA256 = /^sha256:([0-9a-f]{64})$/i

/** What the user says is going to be added. */
export interface Expectation {
  /** Passes the source on; looks at the bytes where they are what is expected. */
  watch(source: AsyncIterable<SourceEntry>): AsyncIterable<SourceEntry>
  /** Throws `data-mismatch` when something else was added. To be called before anything is pinned. */
  check(roots: readonly Imported[]): void
}

/** Returns what a text expects: a CID of any version, or `sha256:` and the hash of a single file. Throws `usage`. */
export function expectationOf(text: string): Expectation {
  const digest = SHA256.exec(text)?.[1]?.toLowerCase()
  return digest === undefined ? expectCid(text) : expectBytes(digest)
}

function expectCid(text: string): Expectation {
  let wanted: string
  try {
    wanted = visitKey(decodeCid(text).cid)
  } catch (error) {
    if (!(error instanceof CidError)) throw error
    throw new Failure('usage', `invalid value "${text}" for --expect`, { hint: 'write a CID, or sha256:HEX' })
  }
  return {
    watch: source => source,
    check(roots) {
      const [root] = roots
      if (roots.length === 1 && root !== undefined && visitKey(root.cid) === wanted) return
      throw mismatch(roots.map(({ cid }) => cid.toString()).join(', ') || 'nothing', text)
    },
  }
}

function expectBytes(wanted: string): Expectation {
  const hash = createHash('sha256')
  let files = 0
  return {
    async *watch(source) {
      for await (const entry of source) {
        if (entry.type !== 'file') {
          yield entry
          continue
        }
        files += 1
        // All bytes go through the hash: there is no other way to them, and no run before that spares reading them.
        const { open: _open, readAtOnce: _readAtOnce, inode: _inode, ...rest } = entry
        yield { ...rest, content: () => hashed(entry) }
      }
    },
    check() {
      if (files !== 1) throw new Failure('usage', `--expect=sha256:… is for a single file, and ${files} were added`)
      const found = hash.digest('hex')
      if (found !== wanted) throw mismatch(`sha256:${found}`, `sha256:${wanted}`)
    },
  }

  async function* hashed(entry: SourceEntry): AsyncIterable<Uint8Array> {
    for await (const piece of entry.content?.() ?? []) {
      hash.update(piece)
      yield piece
    }
  }
}

function mismatch(found: string, wanted: string): Failure {
  return new Failure('data-mismatch', `what was added is ${found}, not ${wanted}: nothing was pinned`, {
    data: { found, expected: wanted },
  })
}
