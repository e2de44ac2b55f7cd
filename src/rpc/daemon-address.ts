import { connect } from 'node:net'
import { socketPlaces } from './socket-place.ts'

const CONNECT_TIMEOUT_MS = 2_000

/**
 * Returns the multiaddr (`/unix/…`) of the socket on which the daemon of this repo answers; undefined when none does.
 * A socket left by a killed daemon refuses connections, and counts as none.
 */
export async function daemonAddress(repoPath: string): Promise<string | undefined> {
  for (const { path } of socketPlaces(repoPath, process.env, process.getuid?.() ?? 0)) {
    if (await answers(path)) return `/unix${path}`
  }
  return undefined
}

function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path)
    const finish = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => finish(false))
    socket.once('connect', () => finish(true))
    socket.once('error', () => finish(false))
  })
}
