import * as fs from 'node:fs'
import { constants, type PathLike } from 'node:fs'
import { dirname } from 'node:path'
import { nameToBytes } from '../contract/surrogate-escape.ts'
import { isGone, OWNER_PATTERN, ownOwner } from '../repo/owner.ts'

/**
 * Files that are not complete yet: `.tsipfs-CID-OWNER.part` where it is known of what they are a part, else
 * `.tsipfs-UUID.part`. Those with a CID stay when a run ends early: the next one goes on from them.
 */

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const CID_TEXT = '[A-Za-z0-9]{20,200}'
const PART = new RegExp(`^\\.tsipfs-(?:${UUID}|${CID_TEXT}-${OWNER_PATTERN})\\.part$`)
const NAMED = new RegExp(`^\\.tsipfs-(${CID_TEXT})-(${OWNER_PATTERN})\\.part$`)
const PART_AGE_MS_MAX = 7 * 24 * 60 * 60 * 1000
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const REUSE = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Returns a path as the system takes it: names that are not UTF-8 (surrogate-escape.ts) as bytes. */
export function pathOf(path: string): PathLike {
  return path.isWellFormed() ? path : Buffer.from(nameToBytes(path))
}

/** Removes from a folder what runs that were killed long ago have left there. Cleaning up fails silently. */
export function sweepParts(folder: string, now: number): void {
  try {
    for (const name of fs.readdirSync(pathOf(folder))) {
      if (!PART.test(name)) continue
      const part = `${folder}/${name}`
      const stat = fs.lstatSync(pathOf(part), { throwIfNoEntry: false })
      if (stat?.isFile() === true && now - stat.mtimeMs > PART_AGE_MS_MAX) fs.unlinkSync(pathOf(part))
    }
  } catch {
    // What cannot be listed or removed is in nobody's way.
  }
}

/** Returns a name for a file of which nothing more is known; no two are the same. */
export function anonymousPart(folder: string): string {
  return `${folder}/.tsipfs-${crypto.randomUUID()}.part`
}

/** Returns the parts of a file that lie in a folder, whoever writes or wrote them. */
export function partsOf(folder: string, cid: string): { readonly path: string; readonly owner: string }[] {
  const found: { path: string; owner: string }[] = []
  try {
    for (const name of fs.readdirSync(pathOf(folder))) {
      const [, of, owner] = NAMED.exec(name) ?? []
      if (of === cid && owner !== undefined) found.push({ path: `${folder}/${name}`, owner })
    }
  } catch {
    // A folder that is not there, or cannot be listed, has none.
  }
  return found
}

/** A part that is open for writing, from its beginning. */
export interface OpenPart {
  readonly path: string
  readonly descriptor: number
}

/**
 * Opens the part of a file in a folder: what a run that is gone has left is taken over, so that there is one part
 * of a file however often it was begun; what is written replaces what is there.
 */
export function openPart(folder: string, cid: string | undefined): OpenPart {
  if (cid === undefined) {
    const path = anonymousPart(folder)
    return { path, descriptor: fs.openSync(pathOf(path), CREATE, 0o600) }
  }
  const own = `${folder}/.tsipfs-${cid}-${ownOwner()}.part`
  for (const { path, owner } of partsOf(folder, cid)) {
    if (!isGone(owner)) continue
    const descriptor = takeOver(path, own)
    if (descriptor !== undefined) return { path: own, descriptor }
  }
  return { path: own, descriptor: fs.openSync(pathOf(own), CREATE, 0o600) }
}

/** Returns undefined for what is none of our files, or was taken by another run meanwhile. */
function takeOver(path: string, own: string): number | undefined {
  let descriptor: number | undefined
  try {
    fs.renameSync(pathOf(path), pathOf(own))
    descriptor = fs.openSync(pathOf(own), REUSE)
    const stat = fs.fstatSync(descriptor)
    const isOurs = stat.isFile() && stat.nlink === 1 && stat.uid === (process.getuid?.() ?? stat.uid)
    if (isOurs) return descriptor
  } catch {
    // It is somebody else's: a part of our own is made.
  }
  if (descriptor !== undefined) fs.closeSync(descriptor)
  try {
    fs.unlinkSync(pathOf(own))
  } catch {
    // It was never moved.
  }
  return undefined
}

/** Returns true when there may be something to keep: at the target itself, or beside it. Cheap. */
export function mayKeep(target: string): boolean {
  try {
    if (fs.lstatSync(pathOf(target), { throwIfNoEntry: false }) !== undefined) return true
    return fs.readdirSync(pathOf(dirname(target))).some(name => name.startsWith('.tsipfs-'))
  } catch {
    return false
  }
}
