import { constants, fstatSync, openSync, write, writeSync } from 'node:fs'
import { errorCode, Failure } from '../contract/failure.ts'
import type { Sink } from '../contract/io.ts'

const RETRY_MS = 5
/** What comes after so many bytes is written by threads of their own, beside the work of this one… */
const DIRECT_BYTES_MAX = 8 * 1024
/** …until nothing was written for so long: lines that come one by one are not handed to another thread. */
const DIRECT_REST_MS = 0.5
/** The number of /dev/null on Linux. */
const NULL_DEVICE = 0x103
const encoder = new TextEncoder()

/**
 * Returns a sink on a file descriptor. It writes by asynchronous `fs.write`, never through `process.stdout`: then
 * back-pressure, EPIPE and ENOSPC come out right, and the descriptor is not made non-blocking for those who share it.
 * Its first bytes go out at once where that cannot block: to start the threads takes longer than a small command.
 */
export function descriptorSink(descriptor: number, name: string): Sink {
  let last: Promise<void> = Promise.resolve()
  let underWay = 0
  let direct: Direct | 'none' | undefined
  let left = DIRECT_BYTES_MAX
  let lastAt = 0
  return {
    async write(chunk) {
      const bytes = typeof chunk === 'string' ? encodeText(chunk) : chunk
      let done = 0
      const now = performance.now()
      if (now - lastAt > DIRECT_REST_MS) left = DIRECT_BYTES_MAX
      lastAt = now
      direct ??= openDirectly(descriptor)
      if (direct !== 'none' && underWay === 0 && (bytes.length <= left || direct.isNull)) {
        left -= bytes.length
        done = writeDirectly(direct.descriptor, bytes, name)
        if (done === bytes.length) return
      }
      underWay += 1
      const next = last.then(() => writeAll(descriptor, bytes.subarray(done), name))
      // The chain goes on after a failure, so that each caller hears of its own.
      last = next
        .catch(() => undefined)
        .finally(() => {
          underWay -= 1
        })
      await next
    },
  }
}

/** A descriptor on which a write never waits for a reader. */
interface Direct {
  readonly descriptor: number
  /** It leads to /dev/null, which takes everything at once. */
  readonly isNull: boolean
}

/**
 * Returns a descriptor that leads to the same place and on which a write never waits for a reader: of a file its own, of
 * a pipe one that was opened anew, so that those who share the old one see no difference.
 */
function openDirectly(descriptor: number): Direct | 'none' {
  try {
    const stat = fstatSync(descriptor)
    const isNull = stat.isCharacterDevice() && stat.rdev === NULL_DEVICE
    if (stat.isFile() || isNull) return { descriptor, isNull }
    if (!stat.isFIFO() || process.platform !== 'linux') return 'none'
    const flags = constants.O_WRONLY | constants.O_NONBLOCK
    return { descriptor: openSync(`/proc/self/fd/${descriptor}`, flags), isNull }
  } catch {
    // It may belong to another user, or nothing may be open there: what is wrong with it the usual way tells.
    return 'none'
  }
}

/** Returns how many bytes were taken. */
function writeDirectly(descriptor: number, bytes: Uint8Array, name: string): number {
  let done = 0
  try {
    while (done < bytes.length) done += writeSync(descriptor, bytes, done, bytes.length - done)
  } catch (error) {
    // The pipe is full.
    if (errorCode(error) !== 'EAGAIN') throw writeFailure(error, name)
  }
  return done
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
      reject(writeFailure(error, name))
    })
  })
}

function writeFailure(error: unknown, name: string): Failure {
  const code = errorCode(error)
  if (code === 'EPIPE') return new Failure('closed-pipe', `${name}: the reader went away`, { cause: error })
  const message = error instanceof Error ? error.message : String(error)
  const text = code === 'ENOSPC' ? 'no space left on device' : message
  return new Failure('failed', `cannot write to ${name}: ${text}`, { cause: error })
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
