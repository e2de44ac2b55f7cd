import { lstat, readFile, statfs } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { errorCode, Failure } from '../contract/failure.ts'
import { Breath } from '../repo/pause.ts'
import { MFS_ROOT_KEY, type Waiting } from '../repo/roles.ts'
import { isLinkless } from './codecs.ts'
import { childrenOf, visitKey } from './dag-walk.ts'
import type { Node } from './node.ts'
import { PinVerifier } from './pin-verify.ts'
import { findPins } from './pinner.ts'

export type CheckState = 'ok' | 'warning' | 'failed'

/** What one check found. */
export interface Finding {
  readonly check: string
  readonly state: CheckState
  readonly message: string
  /** What to do about it. */
  readonly hint?: string | undefined
  /** The same for programs. */
  readonly details?: Readonly<Record<string, unknown>> | undefined
}

type Found = Omit<Finding, 'check'>
type Check = (node: Node, options: Waiting) => Promise<Found>

const FREE_BYTES_MIN = 1024 ** 3
/** A clock that is so far behind what the repo holds is wrong. */
const CLOCK_BEHIND_MS = 60_000
/** No clock is right that shows a time before this program was written. */
const CLOCK_MIN_MS = Date.UTC(2025, 0, 1)
const OPEN_FILES_MIN = 1024
const DOCTOR_CONNECT_TIMEOUT_MS = 2_000

const ok = (message: string): Found => ({ state: 'ok', message })

/** Yields what each check of a repo found. A check that throws has failed; the others go on. */
export async function* examineRepo(node: Node, options: Waiting & { readonly pins: boolean }): AsyncIterable<Finding> {
  const checks: [string, Check][] = [
    ['repo', checkRepo],
    ['secrets', checkSecrets],
    ['config', checkConfig],
    ['disk', checkDisk],
    ['clock', checkClock],
    ['limits', checkLimits],
    ['daemon', checkDaemon],
    ['files', checkFiles],
    ['pins', (here, waiting) => checkPins(here, waiting, options.pins)],
  ]
  for (const [check, run] of checks) yield { check, ...(await outcomeOf(run, node, options)) }
}

/** Yields what is known of an object: whether it is here as a whole, pinned. */
export async function* examineCid(node: Node, cid: CID, options: Waiting): AsyncIterable<Finding> {
  const checks: [string, Check][] = [
    ['blocks', (here, waiting) => checkBlocks(here, cid, waiting)],
    ['pinned', (here, waiting) => checkPinned(here, cid, waiting)],
  ]
  for (const [check, run] of checks) yield { check, ...(await outcomeOf(run, node, options)) }
}

async function outcomeOf(run: Check, node: Node, { signal }: Waiting): Promise<Found> {
  try {
    return await run(node, { signal })
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof Failure)) throw error
    return { state: 'failed', message: error.message, hint: error.hint }
  }
}

async function checkRepo({ repo }: Node): Promise<Found> {
  const { blocks, blockBytes, packs } = await repo.stat()
  if (repo.readOnly) return { state: 'warning', message: `${repo.path} can only be read` }
  return ok(`${repo.path}: ${blocks} blocks, ${blockBytes} bytes, ${packs} packs`)
}

async function checkSecrets({ repo }: Node): Promise<Found> {
  for (const name of ['', 'config', 'keystore']) {
    const path = join(repo.path, name)
    const stat = await lstat(path).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined
      throw error
    })
    if (stat === undefined || (stat.mode & 0o077) === 0) continue
    const wanted = stat.isDirectory() ? '0700' : '0600'
    const mode = (stat.mode & 0o777).toString(8).padStart(4, '0')
    return { state: 'warning', message: `others may enter ${path} (mode ${mode})`, hint: `chmod ${wanted} ${path}` }
  }
  return ok('nobody else may read config and keys')
}

async function checkConfig({ repo }: Node): Promise<Found> {
  await repo.config.read()
  const overrides = (await repo.config.overrides?.()) ?? []
  if (overrides.length === 0) return ok('the config can be read')
  const names = overrides.map(({ key, origin }) => `${key} (${origin})`).join(', ')
  return ok(`the config can be read; for this run other values have ${names}`)
}

async function checkDisk({ repo }: Node): Promise<Found> {
  const { bavail, bsize } = await statfs(repo.path)
  const free = bavail * bsize
  const details = { FreeBytes: free }
  if (free >= FREE_BYTES_MIN) return { ...ok(`${free} bytes are free`), details }
  return { state: 'warning', message: `only ${free} bytes are free`, hint: 'make room, or run tsipfs repo gc', details }
}

/** Names and certificates hang on the clock. Without a network it is held against what was written here before. */
async function checkClock({ repo }: Node): Promise<Found> {
  const now = Date.now()
  const written = await lstat(join(repo.path, 'state.sqlite')).then(
    stat => stat.mtimeMs,
    () => 0,
  )
  const details = { Now: new Date(now).toISOString() }
  const hint = 'set the clock, by NTP for example'
  if (now < CLOCK_MIN_MS) return { state: 'failed', message: `the clock shows ${details.Now}`, hint, details }
  if (now >= written - CLOCK_BEHIND_MS) return { ...ok(`it is ${details.Now}`), details }
  const before = new Date(written).toISOString()
  const message = `the clock shows ${details.Now}, and the repo was written at ${before}`
  return { state: 'failed', message, hint, details }
}

/** Returns what the system allows this process, where it tells. */
async function checkLimits(): Promise<Found> {
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const limit = /^Max open files +(\d+|unlimited)/m.exec(text)?.[1]
  if (limit === undefined) return ok('the system does not tell')
  const details = { OpenFiles: limit }
  if (limit === 'unlimited' || Number(limit) >= OPEN_FILES_MIN) return { ...ok(`${limit} open files`), details }
  return { state: 'warning', message: `only ${limit} open files`, hint: 'raise it with: ulimit -n 4096', details }
}

async function checkDaemon({ repo }: Node): Promise<Found> {
  const path = join(repo.path, 'api.sock')
  const answer = await new Promise<string>(resolve => {
    const socket = connect(path)
    const end = (what: string): void => {
      socket.destroy()
      resolve(what)
    }
    socket.setTimeout(DOCTOR_CONNECT_TIMEOUT_MS, () => end('silent'))
    socket.once('connect', () => end('runs'))
    socket.once('error', error => end(errorCode(error) === 'ECONNREFUSED' ? 'gone' : 'none'))
  })
  if (answer === 'runs') return ok('a daemon runs on this repo')
  if (answer !== 'silent') return ok('no daemon runs on this repo; commands work without one')
  return { state: 'failed', message: `the daemon at ${path} does not answer`, hint: 'stop it, and start it again' }
}

async function checkFiles({ repo }: Node, { signal }: Waiting): Promise<Found> {
  const root = await repo.values.get(MFS_ROOT_KEY)
  if (root === undefined) return ok('MFS is empty')
  const { CID: Cid } = await import('multiformats/cid')
  await repo.blocks.get(Cid.decode(root), { signal })
  return ok('the root of MFS is here')
}

async function checkPins({ repo }: Node, { signal }: Waiting, isDeep: boolean): Promise<Found> {
  const now = Date.now()
  const counts = { all: 0, expired: 0, broken: 0 }
  const verifier = new PinVerifier(repo.blocks)
  for await (const { cid, mode, expires } of repo.pins.list({ expired: true })) {
    counts.all += 1
    if (expires !== undefined && expires <= now) {
      counts.expired += 1
      continue
    }
    const isBroken = isDeep && mode === 'recursive' && (await verifier.verify(cid, { signal })).length > 0
    if (isBroken || (await repo.blocks.stat(cid, { signal })) === undefined) counts.broken += 1
  }
  if (counts.broken > 0) {
    const message = `${counts.broken} of ${counts.all} pins are broken`
    return { state: 'failed', message, hint: 'see which: tsipfs pin verify' }
  }
  const looked = isDeep ? 'whole' : 'there, as far as their roots tell; --pins looks at all below them'
  return ok(`${counts.all} pins, ${counts.expired} of them expired; the others are ${looked}`)
}

async function checkBlocks({ repo }: Node, root: CID, { signal }: Waiting): Promise<Found> {
  const breath = new Breath()
  const seen = new Set([visitKey(root)])
  const pending = [root]
  const counts = { here: 0, bytes: 0, missing: 0 }
  for (let cid = pending.pop(); cid !== undefined; cid = pending.pop()) {
    if (breath.due) await breath.take(signal)
    const known = await repo.blocks.stat(cid, { signal })
    if (known === undefined) {
      counts.missing += 1
      continue
    }
    counts.here += 1
    counts.bytes += known.size
    if (known.leaf || isLinkless(cid.code)) continue
    for (const child of await childrenOf(cid, await repo.blocks.get(cid, { signal }))) {
      if (seen.has(visitKey(child))) continue
      seen.add(visitKey(child))
      pending.push(child)
    }
  }
  if (counts.missing === 0) return ok(`all ${counts.here} blocks are here, ${counts.bytes} bytes`)
  const message =
    counts.here === 0
      ? 'nothing of it is here'
      : `${counts.here} blocks are here, ${counts.missing} that they link to are not`
  return { state: 'failed', message, hint: `fetch it with: tsipfs pin add ${root}` }
}

async function checkPinned(node: Node, cid: CID, { signal }: Waiting): Promise<Found> {
  const pin = await node.repo.pins.get(cid)
  if (pin !== undefined) {
    const until = pin.expires === undefined ? '' : ` until ${new Date(pin.expires).toISOString()}`
    return ok(`it is pinned, ${pin.mode}${until}`)
  }
  try {
    const [found] = await findPins(node, [cid], 'indirect', { signal })
    if (found?.mode === 'indirect') return ok(`it is pinned through ${found.via}`)
  } catch (error) {
    // A hole below another pin: then nothing can be said of it, and the check of pins tells.
    if (!(error instanceof Failure) || error.kind !== 'not-found') throw error
  }
  return { state: 'warning', message: 'it is not pinned', hint: `keep it with: tsipfs pin add ${cid}` }
}
