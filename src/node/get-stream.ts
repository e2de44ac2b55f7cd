import { Failure } from '../contract/failure.ts'
import { nameToBytes } from '../contract/surrogate-escape.ts'
import type { Blocks, Waiting } from '../repo/roles.ts'
import { readFile } from './file-reader.ts'
import type { UnixfsEntry } from './unixfs-entry.ts'

export { packTar } from './tar-pack.ts'

const GZIP_CHUNK_BYTES = 64 * 1024

/** Yields the bytes of a single entry. Throws `failed` for a folder. */
export async function* packEntry(
  blocks: Pick<Blocks, 'get' | 'getMany'>,
  entry: UnixfsEntry,
  options: Waiting,
): AsyncIterable<Uint8Array> {
  if (entry.kind === 'directory') {
    throw new Failure('failed', 'file is not regular', { hint: 'add --archive to compress a folder' })
  }
  if (entry.kind === 'symlink') yield nameToBytes(entry.target)
  else yield* readFile(blocks, entry.root, options)
}

/** Yields the bytes compressed. */
export async function* gzip(bytes: AsyncIterable<Uint8Array>, level: number | undefined): AsyncIterable<Uint8Array> {
  // Most are not compressed, and these take longer to load than a small file to write.
  const [{ pipeline, Readable }, { createGzip }] = await Promise.all([import('node:stream'), import('node:zlib')])
  const compressor = createGzip({ chunkSize: GZIP_CHUNK_BYTES, ...(level === undefined ? {} : { level }) })
  // A failure of the source destroys the compressor, and comes out of it below.
  pipeline(Readable.from(bytes, { objectMode: false }), compressor, () => undefined)
  yield* compressor as AsyncIterable<Uint8Array>
}
