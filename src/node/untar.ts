import {
  cidIn,
  decodeExtended,
  decodeTarHeader,
  decodeTime,
  EXTENDED_BYTES_MAX,
  malformedTar,
  paddingOf,
  type RawHeader,
  TAR_BLOCK_BYTES,
  type TarHeader,
} from './tar.ts'

const FLAG_TYPES: Readonly<Record<string, TarHeader['type']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '2': 'symlink',
  '5': 'directory',
}

/** An entry of an archive that is being read. */
export interface TarEntry {
  readonly header: TarHeader
  /** Yields the bytes of the entry, views of what was read. Ask for the next entry only after it. */
  content(): AsyncIterable<Uint8Array>
}

/**
 * Yields the entries of an archive in their order. What a reader leaves of an entry's content is passed over. Throws
 * `failed` for what is no archive, or ends early, and for entries of other types than files, folders and symbolic links.
 */
export async function* untar(archive: AsyncIterable<Uint8Array>): AsyncIterable<TarEntry> {
  const input = new Input(archive)
  try {
    let records: ReadonlyMap<string, string> = new Map()
    for (;;) {
      const block = await input.take(TAR_BLOCK_BYTES)
      const raw = decodeTarHeader(block)
      if (raw === undefined) break
      if (raw.flag === 'g') {
        await input.pass(raw.size + paddingOf(raw.size))
      } else if (raw.flag === 'x' || raw.flag === 'L' || raw.flag === 'K') {
        records = new Map([...records, ...(await readExtended(input, raw))])
      } else {
        const header = headerOf(raw, records)
        records = new Map()
        const content = new Content(input, header.size)
        yield { header, content: () => content.read() }
        await content.finish()
      }
    }
    await input.passAll()
  } finally {
    await input.close()
  }
}

async function readExtended(input: Input, raw: RawHeader): Promise<Map<string, string>> {
  if (raw.size > EXTENDED_BYTES_MAX) throw malformedTar('an extended header is too large')
  const body = (await input.take(raw.size)).slice()
  await input.pass(paddingOf(raw.size))
  if (raw.flag === 'x') return decodeExtended(body)
  // GNU's long names: the body is the name, with a zero byte behind it.
  const { nameFromBytes } = await import('../contract/surrogate-escape.ts')
  const end = body.indexOf(0)
  const name = nameFromBytes(end < 0 ? body : body.subarray(0, end))
  return new Map([[raw.flag === 'L' ? 'path' : 'linkpath', name]])
}

function headerOf(raw: RawHeader, records: ReadonlyMap<string, string>): TarHeader {
  const type = FLAG_TYPES[raw.flag]
  const name = records.get('path') ?? raw.name
  if (type === undefined) throw malformedTar(`${JSON.stringify(name)} is no file, folder or symbolic link`)
  const sizeText = records.get('size')
  const size = sizeText === undefined ? raw.size : /^\d{1,16}$/.test(sizeText) ? Number(sizeText) : Number.NaN
  if (!Number.isSafeInteger(size) || size < 0) throw malformedTar('a size is no number')
  const time = records.get('mtime')
  return {
    name: type === 'directory' ? name.replace(/\/$/, '') : name,
    type,
    // Other entries than files have no content, whatever they say.
    size: type === 'file' ? size : 0,
    mode: raw.mode & 0o7777,
    mtime: time === undefined ? { seconds: raw.seconds, nanoseconds: 0 } : decodeTime(time),
    target: type === 'symlink' ? (records.get('linkpath') ?? raw.target) : undefined,
    cid: type === 'file' ? cidIn(records) : undefined,
  }
}

class Content {
  readonly #input: Input
  #left: number
  readonly #padding: number

  constructor(input: Input, size: number) {
    this.#input = input
    this.#left = size
    this.#padding = paddingOf(size)
  }

  async *read(): AsyncIterable<Uint8Array> {
    while (this.#left > 0) {
      const piece = await this.#input.some(this.#left)
      this.#left -= piece.length
      yield piece
    }
  }

  async finish(): Promise<void> {
    await this.#input.pass(this.#left + this.#padding)
  }
}

/** Bytes that come in pieces of any size. */
class Input {
  readonly #source: AsyncIterator<Uint8Array>
  #piece: Uint8Array = new Uint8Array()

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Returns some bytes, at least one, at most `limit`. */
  async some(limit: number): Promise<Uint8Array> {
    while (this.#piece.length === 0) {
      const next = await this.#source.next()
      if (next.done === true) throw malformedTar('it ends in the middle')
      this.#piece = next.value
    }
    const taken = this.#piece.length <= limit ? this.#piece : this.#piece.subarray(0, limit)
    this.#piece = this.#piece.subarray(taken.length)
    return taken
  }

  /** Returns exactly so many bytes. */
  async take(length: number): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array()
    const first = await this.some(length)
    if (first.length === length) return first
    const whole = new Uint8Array(length)
    whole.set(first)
    for (let at = first.length; at < length; ) {
      const piece = await this.some(length - at)
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  }

  async pass(length: number): Promise<void> {
    for (let left = length; left > 0; ) left -= (await this.some(left)).length
  }

  /** Reads on to the end: what makes the archive may still fail. */
  async passAll(): Promise<void> {
    while ((await this.#source.next()).done !== true);
  }

  async close(): Promise<void> {
    await this.#source.return?.()
  }
}
