import { type NewStreamOptions, type Stream, UnsupportedProtocolError } from '@libp2p/interface'
import { lineOf } from './negotiate.ts'

/** Protocols that whoever opens a stream for them knows, or may expect, the other end to speak. */
const EXPECTED: ReadonlySet<string> = new Set([
  '/ipfs/id/1.0.0',
  '/ipfs/id/push/1.0.0',
  '/ipfs/kad/1.0.0',
  '/ipfs/lan/kad/1.0.0',
])

/** Options of a stream for one protocol that the other end is known to speak. */
export interface AssumingOptions extends NewStreamOptions {
  readonly assumesProtocol: true
}

type OnData = (data: Iterable<Uint8Array> | Uint8Array) => void

/** Returns true when nothing need be negotiated for a stream. */
export function isAssumed(protocol: string, options: object): boolean {
  return EXPECTED.has(protocol) || Reflect.get(options, 'assumesProtocol') === true
}

/**
 * Names the protocol of a stream that was just opened and goes on, without waiting for the other end to agree: that saves a
 * round trip. What is sent first follows at once; the answer is taken out of what comes in. If the other end does not
 * agree, the stream is aborted. Specification: https://github.com/multiformats/multistream-select.
 */
export function assumeProtocol(stream: Stream, protocol: string): void {
  const agreement = Buffer.concat(['/multistream/1.0.0', protocol].map(lineOf))
  let agreed = 0
  const onData: unknown = Reflect.get(stream, 'onData')
  if (!isOnData(onData)) throw new Error('a stream without data')
  const take = (chunk: Uint8Array): Uint8Array | undefined => {
    const length = Math.min(chunk.length, agreement.length - agreed)
    const isRight = agreement.compare(chunk, 0, length, agreed, agreed + length) === 0
    agreed += length
    if (!isRight) {
      stream.abort(new UnsupportedProtocolError(`the peer does not speak ${protocol}`))
      return undefined
    }
    return chunk.subarray(length)
  }
  Reflect.set(stream, 'onData', (data: Iterable<Uint8Array> | Uint8Array) => {
    for (const chunk of data instanceof Uint8Array ? [data] : data) {
      const rest = agreed < agreement.length ? take(chunk) : chunk
      if (rest === undefined) return
      if (rest.length > 0) onData.call(stream, rest)
    }
    if (agreed === agreement.length) Reflect.deleteProperty(stream, 'onData')
  })
  Reflect.set(stream, 'protocol', protocol)
  stream.send(agreement)
}

function isOnData(value: unknown): value is OnData {
  return typeof value === 'function'
}
