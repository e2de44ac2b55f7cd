import { close, constants, open, openSync, read, readSync } from 'node:fs'
import { systemFailure } from '../contract/failure.ts'
import type { FileReader } from '../contract/source.ts'
import { nameToBytes } from '../contract/surrogate-escape.ts'

const PIECE_BYTES = 1024 * 1024
/** A file up to this size is read at once, without giving up the thread: that costs less than to take turns. */
const AT_ONCE_BYTES_MAX = PIECE_BYTES

/** Returns a path for calls of the system: bytes where it is not UTF-8. */
export function systemPath(path: string): string | Buffer {
  return path.isWellFormed() ? path : Buffer.from(nameToBytes(path))
}

/** Opens what should be a regular file: a pipe that came in its place does not block, a link is not followed unless asked. */
export function openFile(path: string, shown: string, { followsLinks }: { readonly followsLinks: boolean }): number {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | (followsLinks ? 0 : constants.O_NOFOLLOW)
  try {
    return openSync(systemPath(path), flags)
  } catch (error) {
    throw systemFailure(error, shown)
  }
}

/** Yields the bytes of a regular file that is open, in pieces that are the reader's own. */
export async function* readDescriptor(fd: number, size: number, shown: string): AsyncGenerator<Uint8Array> {
  try {
    const small = size <= AT_ONCE_BYTES_MAX ? readAtOnce(fd, size) : undefined
    if (small === undefined) yield* readAhead(fd)
    else if (small.length > 0) yield small
  } catch (error) {
    throw systemFailure(error, shown)
  }
}

/** Returns a reader of a file that is open, and stays open for as long as the reader is in use. */
export function descriptorReader(fd: number, shown: string): FileReader {
  const underWay = new Set<Promise<number>>()
  return {
    read(target, position) {
      const reading = readAll(fd, target, position)
        .catch(error => {
          throw systemFailure(error, shown)
        })
        .finally(() => underWay.delete(reading))
      underWay.add(reading)
      return reading
    },
    readHere(target, position) {
      try {
        return readAllHere(fd, target, position)
      } catch (error) {
        throw systemFailure(error, shown)
      }
    },
    async [Symbol.asyncDispose]() {
      // The descriptor must not be closed, and used for another file, while it is read from.
      await Promise.allSettled(underWay)
    },
  }
}

/** Reads until the target is full or the file ends. */
async function readAll(fd: number, target: Uint8Array, position: number): Promise<number> {
  for (let done = 0; ; ) {
    const count = await readInto(fd, done === 0 ? target : target.subarray(done), position + done)
    done += count
    if (count === 0 || done === target.length) return done
  }
}

/** Like `readAll`, on this thread. */
function readAllHere(fd: number, target: Uint8Array, position: number): number {
  for (let done = 0; ; ) {
    const count = readSync(fd, target, done, target.length - done, position + done)
    done += count
    if (count === 0 || done === target.length) return done
  }
}

/** Yields what comes out of a pipe. */
export async function* readPipe(path: string, shown: string): AsyncGenerator<Uint8Array> {
  try {
    // Opening a pipe waits for who writes into it.
    const fd = await new Promise<number>((resolve, reject) => {
      open(systemPath(path), 'r', (error, opened) => (error ? reject(error) : resolve(opened)))
    })
    try {
      yield* pieces(fd)
    } finally {
      close(fd)
    }
  } catch (error) {
    throw systemFailure(error, shown)
  }
}

/** Returns the whole of a file; undefined when it has grown. */
function readAtOnce(fd: number, size: number): Uint8Array | undefined {
  // One byte more tells that the end was reached.
  const bytes = Buffer.allocUnsafeSlow(size + 1)
  const length = fillAtOnce(fd, bytes, size)
  return length === undefined ? undefined : bytes.subarray(0, length)
}

/** Reads the whole of a file into `target`, and returns its length; undefined when it is not shorter than the target. */
export function readWhole(fd: number, target: Uint8Array, size: number, shown: string): number | undefined {
  try {
    return fillAtOnce(fd, target, size)
  } catch (error) {
    throw systemFailure(error, shown)
  }
}

function fillAtOnce(fd: number, target: Uint8Array, size: number): number | undefined {
  for (let length = 0; ; ) {
    const count = readSync(fd, target, length, target.length - length, length)
    length += count
    if (length === target.length) return undefined
    // A read that ends short, where the file was said to end, has met its end; any other may have been cut off.
    if (count === 0 || length === size) return length
  }
}

/** Yields a file piece by piece, the next one being read while one is in use. */
async function* readAhead(fd: number): AsyncGenerator<Uint8Array> {
  let next = readPiece(fd, 0)
  let position = 0
  for (;;) {
    const piece = await next
    if (piece.length === 0) return
    position += piece.length
    next = readPiece(fd, position)
    // Whoever leaves early does not wait for it.
    next.catch(() => undefined)
    try {
      yield piece
    } finally {
      // The descriptor must not be closed, and used for another file, while it is read from.
      await next.catch(() => undefined)
    }
  }
}

async function* pieces(fd: number): AsyncGenerator<Uint8Array> {
  for (;;) {
    const piece = await readPiece(fd, null)
    if (piece.length === 0) return
    yield piece
  }
}

async function readPiece(fd: number, position: number | null): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES)
  return buffer.subarray(0, await readInto(fd, buffer, position))
}

function readInto(fd: number, target: Uint8Array, position: number | null): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, target, 0, target.length, position, (error, count) => {
      if (error) reject(error)
      else resolve(count)
    })
  })
}
