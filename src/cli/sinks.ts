import { write } from 'node:fs'
import { Failure } from '../contract/failure.ts'
import type { Sink } from '../contract/io.ts'

const RETRY_MS = 5
const encoder = new TextEncoder()

/**
 * Returns a sink on a file descriptor. It writes by asynchronous `fs.write`, never through `process.stdout`: then
 * back-pressure, EPIPE and ENOSPC come out right, and the descriptor is not made non-blocking for those who share it.
 */
export function descriptorSink(descriptor: number, name: string): Sink {
  let last: Promise<void> = Promise.resolve()
  return {
    write(chunk) {
      const bytes = typeof chunk === 'string' ? encodeText(chunk) : chunk
      const next = last.then(() => writeAll(descriptor, bytes, name))
      // The chain goes on after a failure, so that each caller hears of its own.
      last = next.catch(() => undefined)
      return next
    },
  }
}

/** Returns a sink that refuses everything: standard output was closed before we began. */
export function closedSink(name: string): Sink {
  return {
    async write(chunk) {
      if (chunk.length > 0) throw new Failure('failed', `${name} is closed`)
    },
  }
}

async function writeAll(descriptor: number, bytes: Uint8Array, name: string): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += await writeSome(descriptor, bytes, at, name)
}

function writeSome(descriptor: number, bytes: Uint8Array, at: number, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    write(descriptor, bytes, at, bytes.length - at, null, (error, written) => {
      if (error === null) return resolve(written)
      // Someone who shares the descriptor made it non-blocking: wait until it can take more.
      if (error.code === 'EAGAIN') return setTimeout(resolve, RETRY_MS, 0)
      if (error.code === 'EPIPE')
        return reject(new Failure('closed-pipe', `${name}: the reader went away`, { cause: error }))
      const text = error.code === 'ENOSPC' ? 'no space left on device' : error.message
      reject(new Failure('failed', `cannot write to ${name}: ${text}`, { cause: error }))
    })
  })
}

/** Encodes text; lone surrogates that stand for bytes of a name (surrogate-escape.ts) are written as those bytes. */
function encodeText(text: string): Uint8Array {
  if (text.isWellFormed()) return encoder.encode(text)
  const parts: Uint8Array[] = []
  let from = 0
  for (const match of text.matchAll(/[\udc80-\udcff]/g)) {
    const at = match.index
    const before = at > 0 ? text.charCodeAt(at - 1) : 0
    if (before >= 0xd800 && before <= 0xdbff) continue
    parts.push(encoder.encode(text.slice(from, at)), Uint8Array.of(text.charCodeAt(at) - 0xdc00))
    from = at + 1
  }
  parts.push(encoder.encode(text.slice(from)))
  return Buffer.concat(parts)
}
