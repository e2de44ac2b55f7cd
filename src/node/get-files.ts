import * as fs from 'node:fs'
import { constants, type Stats } from 'node:fs'
import { errorCode, Failure, isAbort, systemFailure } from '../contract/failure.ts'
import { anonymousPart, openPart, pathOf } from './part-files.ts'
import type { TarHeader, TarTime } from './tar.ts'

/** Pieces from this size on are written in the thread pool, while the next are read and hashed. */
const POOL_BYTES_MIN = 32 * 1024
const FIFO_POLL_MS = 20
/** A part with less than this is not worth to be kept. */
const KEPT_BYTES_MIN = 256 * 1024

/** Where a file goes. */
export interface FilePlace {
  readonly path: string
  /** The path as the user knows it. */
  readonly shown: string
  /** The folder it lies in: temporary files are made there, so that a rename is enough. */
  readonly folder: string
}

interface PutOptions {
  readonly noClobber: boolean
  readonly signal?: AbortSignal | undefined
  readonly wrote?: ((bytes: number) => void) | undefined
}

/** Does what may be refused by the system, and throws that as a Failure. */
export function withSystem<T>(shown: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw systemFailure(error, shown)
  }
}

export function openSync(path: string, flags: number, shown: string): number {
  return withSystem(shown, () => fs.openSync(pathOf(path), flags))
}

export function closeSync(descriptor: number): void {
  fs.closeSync(descriptor)
}

export function chmodSync(path: string, mode: number, shown: string): void {
  withSystem(shown, () => fs.chmodSync(pathOf(path), mode))
}

export function utimesSync(path: string, moment: TarTime, shown: string): void {
  const time = timeFor(moment)
  withSystem(shown, () => fs.utimesSync(pathOf(path), time, time))
}

/** Returns a time as `utimes` takes it: of a number below zero it would make the present. */
function timeFor({ seconds, nanoseconds }: TarTime): number | Date {
  const time = seconds + nanoseconds / 1e9
  return time < 0 ? new Date(time * 1000) : time
}

/**
 * Writes a file beside its place, and moves it there when it is complete, with its mode and time. Of one whose CID is
 * known the part stays when the run is ended, or the rest cannot be had.
 */
export async function putFile(
  place: FilePlace,
  header: TarHeader,
  content: AsyncIterable<Uint8Array>,
  there: Stats | undefined,
  options: PutOptions,
): Promise<void> {
  const { path: part, descriptor } = withSystem(place.shown, () => openPart(place.folder, header.cid))
  let written = 0
  const wrote = (bytes: number): void => {
    written += bytes
    options.wrote?.(bytes)
  }
  try {
    try {
      await writeAll(descriptor, content, place.shown, { ...options, wrote })
      withSystem(place.shown, () => {
        // A part that was taken over may have been longer.
        fs.ftruncateSync(descriptor, written)
        const time = timeFor(header.mtime)
        fs.futimesSync(descriptor, time, time)
        const mode = header.mode & 0o777
        if (mode !== 0) fs.fchmodSync(descriptor, mode)
      })
    } finally {
      fs.closeSync(descriptor)
    }
    moveInto(part, place, there, options)
  } catch (error) {
    const isKept = header.cid !== undefined && written >= KEPT_BYTES_MIN && canGoOn(error)
    if (!isKept) removeQuietly(part)
    throw error
  }
}

/** Returns true for what ends a run that may succeed another time: the rest was not to be had, or nobody waits for it. */
function canGoOn(error: unknown): boolean {
  if (isAbort(error)) return true
  return error instanceof Failure && GO_ON_KINDS.has(error.kind)
}

const GO_ON_KINDS: ReadonlySet<string> = new Set(['interrupted', 'terminated', 'timeout', 'network', 'not-found'])

/** Makes a symbolic link beside its place, and moves it there. */
export async function putSymlink(
  place: FilePlace,
  header: TarHeader,
  there: Stats | undefined,
  options: PutOptions,
): Promise<void> {
  const temporary = anonymousPart(place.folder)
  const time = timeFor(header.mtime)
  withSystem(place.shown, () => fs.symlinkSync(pathOf(header.target ?? ''), pathOf(temporary)))
  try {
    withSystem(place.shown, () => fs.lutimesSync(pathOf(temporary), time, time))
    moveInto(temporary, place, there, options)
  } catch (error) {
    removeQuietly(temporary)
    throw error
  }
}

function moveInto(temporary: string, place: FilePlace, there: Stats | undefined, options: PutOptions): void {
  withSystem(place.shown, () => {
    if (options.noClobber) {
      moveIfAbsent(temporary, place.path)
      return
    }
    // An empty folder gives way, as in Kubo; one that holds something does not.
    if (there?.isDirectory() === true) fs.rmdirSync(pathOf(place.path))
    fs.renameSync(pathOf(temporary), pathOf(place.path))
  })
}

/** A hard link, unlike a rename, is refused when something came to lie there meanwhile. */
function moveIfAbsent(temporary: string, path: string): void {
  try {
    fs.linkSync(pathOf(temporary), pathOf(path))
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw error
    // Some file systems have no hard links.
    if (fs.lstatSync(pathOf(path), { throwIfNoEntry: false }) !== undefined) throw error
    fs.renameSync(pathOf(temporary), pathOf(path))
    return
  }
  fs.unlinkSync(pathOf(temporary))
}

function removeQuietly(path: string): void {
  try {
    fs.unlinkSync(pathOf(path))
  } catch {
    // It was moved or never made; what went wrong before is what the caller hears of.
  }
}

/** Writes into a FIFO or device that is there. */
export async function writeThrough(
  place: FilePlace,
  content: AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<void> {
  const descriptor = await openThrough(place, options.signal)
  try {
    await writeAll(descriptor, content, place.shown, options)
  } finally {
    fs.closeSync(descriptor)
  }
}

async function openThrough(place: FilePlace, signal: AbortSignal | undefined): Promise<number> {
  for (;;) {
    signal?.throwIfAborted()
    try {
      // Opening a FIFO waits for a reader, and nothing could interrupt it: first see whether there is one.
      const probe = fs.openSync(pathOf(place.path), constants.O_WRONLY | constants.O_NONBLOCK)
      try {
        return fs.openSync(pathOf(place.path), constants.O_WRONLY)
      } finally {
        fs.closeSync(probe)
      }
    } catch (error) {
      if (errorCode(error) !== 'ENXIO') throw systemFailure(error, place.shown)
      const { setTimeout: sleep } = await import('node:timers/promises')
      await sleep(FIFO_POLL_MS, undefined, signal === undefined ? {} : { signal })
    }
  }
}

async function writeAll(
  descriptor: number,
  content: AsyncIterable<Uint8Array>,
  shown: string,
  options: PutOptions,
): Promise<void> {
  let writing: Promise<void> | undefined
  try {
    for await (const piece of content) {
      await writing
      options.signal?.throwIfAborted()
      if (piece.length < POOL_BYTES_MIN) {
        writing = undefined
        withSystem(shown, () => writeHere(descriptor, piece))
      } else {
        writing = writeInPool(descriptor, piece, shown)
        // It is awaited with the next piece; until then nobody listens.
        writing.catch(() => undefined)
      }
      options.wrote?.(piece.length)
    }
  } finally {
    // The descriptor is closed next: nothing may still write to it.
    await writing?.catch(() => undefined)
  }
  await writing
}

function writeHere(descriptor: number, piece: Uint8Array): void {
  for (let at = 0; at < piece.length; ) at += fs.writeSync(descriptor, piece, at, piece.length - at)
}

async function writeInPool(descriptor: number, piece: Uint8Array, shown: string): Promise<void> {
  for (let at = 0; at < piece.length; ) at += await writeSome(descriptor, piece, at, shown)
}

function writeSome(descriptor: number, piece: Uint8Array, at: number, shown: string): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(descriptor, piece, at, piece.length - at, null, (error, written) => {
      if (error === null) resolve(written)
      else reject(systemFailure(error, shown))
    })
  })
}
