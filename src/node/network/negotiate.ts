import { type MessageStream, type StreamMessageEvent, UnsupportedProtocolError } from '@libp2p/interface'

const HEADER = '/multistream/1.0.0'
const NOT_SPOKEN = 'na'
/** A line, with its line feed: what the library takes. */
const LINE_BYTES_MAX = 1024
const LINE_FEED = 0x0a

/** A stream that hands back what was read too much. */
type Negotiated = MessageStream & { unshift(data: Uint8Array): void }

/**
 * Agrees on a protocol with the other end of a stream, as https://github.com/multiformats/multistream-select says:
 * `propose` names ours, the best first, `answer` takes one of those that the other end names. What libp2p does byte by
 * byte, over a dozen promises, is done here when the lines arrive: every connection and every stream begins with it.
 * Resolves with the protocol. Rejects when there is none, when the stream ends, or when the signal aborts.
 */
export async function propose(
  stream: MessageStream,
  protocols: readonly string[],
  signal?: AbortSignal,
): Promise<string> {
  const left = [...protocols]
  let named = left.shift()
  if (named === undefined) throw new Error('no protocol to propose')
  let isGreeted = false
  const take = (line: string): string | undefined => {
    if (!isGreeted) {
      if (line !== HEADER) throw new UnsupportedProtocolError('the peer does not negotiate')
      isGreeted = true
      return undefined
    }
    if (line === named) return named
    named = left.shift()
    if (line !== NOT_SPOKEN || named === undefined) {
      throw new UnsupportedProtocolError(`the peer speaks none of ${protocols.join(', ')}`)
    }
    stream.send(lineOf(named))
    return undefined
  }
  const agreed = readLines(stream, signal, take)
  stream.send(Buffer.concat([lineOf(HEADER), lineOf(named)]))
  return await agreed
}

/** The other end of `propose`. */
export async function answer(
  stream: MessageStream,
  isSpoken: (protocol: string) => boolean,
  signal?: AbortSignal,
): Promise<string> {
  let isGreeted = false
  // The header is sent along with what follows: it mostly comes in along with the first name.
  const reply = (line: string, header: string): void => {
    stream.send(isGreeted ? lineOf(line) : Buffer.concat([lineOf(header), lineOf(line)]))
    isGreeted = true
  }
  return await readLines(stream, signal, (line, hasMore) => {
    if (line === HEADER) {
      if (!hasMore()) {
        stream.send(lineOf(HEADER))
        isGreeted = true
      }
      return undefined
    }
    const spoken = isSpoken(line)
    reply(spoken ? line : NOT_SPOKEN, HEADER)
    return spoken ? line : undefined
  })
}

/** Hands over the lines that come in, until one is what was waited for. `hasMore`: so has another one. */
function readLines(
  stream: MessageStream,
  signal: AbortSignal | undefined,
  take: (line: string, hasMore: () => boolean) => string | undefined,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let waiting: Buffer = Buffer.alloc(0)
    const stop = (): void => {
      stream.removeEventListener('message', onMessage)
      stream.removeEventListener('close', onClose)
      stream.removeEventListener('remoteCloseWrite', onEnd)
      signal?.removeEventListener('abort', onAbort)
    }
    const fail = (error: unknown): void => {
      stop()
      reject(error)
    }
    const onMessage = ({ data }: StreamMessageEvent): void => {
      const bytes = data instanceof Uint8Array ? data : data.subarray()
      waiting = waiting.length === 0 ? Buffer.from(bytes) : Buffer.concat([waiting, bytes])
      try {
        for (let line = firstLine(waiting); line !== undefined; line = firstLine(waiting)) {
          waiting = waiting.subarray(line.bytes)
          const agreed = take(line.text, () => firstLine(waiting) !== undefined)
          if (agreed === undefined) continue
          stop()
          if (waiting.length > 0) (stream as Negotiated).unshift(waiting)
          resolve(agreed)
          return
        }
      } catch (error) {
        fail(error)
      }
    }
    const onEnd = (): void => {
      // What has come in before is still to be handed over.
      if (stream.readBufferLength === 0) fail(new Error('the stream ended before a protocol was agreed on'))
    }
    const onClose = (event: Event): void => {
      const error: unknown = Reflect.get(event, 'error')
      if (error instanceof Error) fail(error)
      else onEnd()
    }
    const onAbort = (): void => fail(signal?.reason)
    if (signal?.aborted === true) return onAbort()
    if (stream.status !== 'open' || Reflect.get(stream, 'remoteWriteStatus') === 'closed') onEnd()
    stream.addEventListener('message', onMessage)
    stream.addEventListener('close', onClose)
    stream.addEventListener('remoteCloseWrite', onEnd)
    signal?.addEventListener('abort', onAbort)
  })
}

/** Returns the first line that is there as a whole. Throws for what is no line. */
function firstLine(bytes: Buffer): { readonly text: string; readonly bytes: number } | undefined {
  const [first, second] = bytes
  if (first === undefined || (first >= 0x80 && second === undefined)) return undefined
  const isLong = first >= 0x80
  const length = isLong ? (first & 0x7f) + (second ?? 0) * 0x80 : first
  if (length === 0 || length > LINE_BYTES_MAX || (second ?? 0) * (isLong ? 1 : 0) >= 0x80) {
    throw new Error('the peer does not negotiate')
  }
  const start = isLong ? 2 : 1
  const end = start + length
  if (bytes.length < end) return undefined
  if (bytes[end - 1] !== LINE_FEED) throw new Error('the peer does not negotiate')
  return { text: bytes.toString('utf8', start, end - 1), bytes: end }
}

/** A text with its length in front and a line feed behind. */
export function lineOf(text: string): Buffer {
  const length = Buffer.byteLength(text) + 1
  if (length > LINE_BYTES_MAX) throw new Error('the name of a protocol is too long')
  const head = length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7]
  return Buffer.concat([Buffer.from(head), Buffer.from(`${text}\n`)])
}
