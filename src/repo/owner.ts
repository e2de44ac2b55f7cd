import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { errorCode } from '../contract/failure.ts'
import { createHash } from './platform-hash.ts'

/** What a process puts into the names of its temporary files, so that others can tell whether it still lives. */
export const OWNER_PATTERN = '[0-9a-f]{8}-[0-9]{1,10}'

let machine: string | undefined

/** Returns the owner that this process is: where its process ids mean something, and its own. */
export function ownOwner(): string {
  machine ??= createHash('sha256').update(machineText()).digest('hex').slice(0, 8)
  return `${machine}-${process.pid}`
}

/** A machine since its start, and the namespace in which processes are counted: other containers count for themselves. */
function machineText(): string {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')}${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    // Not Linux.
    return hostname()
  }
}

/** Returns true when an owner is known to be gone: a process of this machine that runs no more, or this one before. */
export function isGone(owner: string): boolean {
  const [own, pid = ''] = ownOwner().split('-')
  const [other, text = ''] = owner.split('-')
  if (other !== own) return false
  if (text === pid) return true
  try {
    process.kill(Number(text), 0)
    return false
  } catch (error) {
    return errorCode(error) === 'ESRCH'
  }
}
