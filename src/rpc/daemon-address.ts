import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'

const CONNECT_TIMEOUT_MS = 2_000

/**
 * Returns the multiaddr (`/unix/…`) of the socket on which the daemon of this repo answers; undefined when none does.
 * A socket left by a killed daemon refuses connections, and counts as none.
 */
export async function daemonAddress(repoPath: string): Promise<string | undefined> {
  const candidates = [join(repoPath, 'api.sock')]
  // A repo whose path is too long for a socket has it elsewhere, and says so in its `api` file.
  const announced = await readFile(join(repoPath, 'api'), 'utf8').catch(() => '')
  if (announced.startsWith('/unix/')) candidates.push(announced.trim().slice('/unix'.length))
  for (const path of candidates) {
    if (Buffer.byteLength(path) < 108 && (await answers(path))) return `/unix${path}`
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
