import { existsSync } from 'node:fs'
import { connectOwn, type OwnSocket } from './own-socket.ts'
import { socketPlaces } from './socket-place.ts'

/** A daemon that answers. */
export interface DaemonFound {
  /** The multiaddr (`/unix/…`) of its socket. */
  readonly address: string
  /** A connection to it, to be used for a call, or destroyed. */
  readonly open: OwnSocket
}

/**
 * Connects to the daemon of this repo, at each place where its socket may be until the caller has what it wants. A socket
 * left by a killed daemon refuses connections, and counts as none.
 */
export async function* reachDaemon(repoPath: string): AsyncGenerator<DaemonFound> {
  for (const { path } of socketPlaces(repoPath, process.env, process.getuid?.() ?? 0)) {
    const open = existsSync(path) ? await connectOwn(path) : undefined
    if (open !== undefined) yield { address: `/unix${path}`, open }
  }
}

/** Connects to the daemon of this repo; undefined when none answers. */
export async function findDaemon(repoPath: string): Promise<DaemonFound | undefined> {
  for await (const found of reachDaemon(repoPath)) return found
  return undefined
}

/** Returns the multiaddr (`/unix/…`) of the socket on which the daemon of this repo answers; undefined when none does. */
export async function daemonAddress(repoPath: string): Promise<string | undefined> {
  const found = await findDaemon(repoPath)
  found?.open.destroy()
  return found?.address
}
