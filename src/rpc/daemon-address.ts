import { existsSync } from 'node:fs'
import { socketPlaces } from './socket-place.ts'

const CONNECT_TIMEOUT_MS = 2_000

/** A connection of Bun's own, where it runs us: `node:net` takes longer to load than all the rest of a small command. */
declare const Bun:
  | { connect(options: { unix: string; socket: { data(): void } }): Promise<{ terminate(): void }> }
  | undefined

/**
 * Returns the multiaddr (`/unix/…`) of the socket on which the daemon of this repo answers; undefined when none does.
 * A socket left by a killed daemon refuses connections, and counts as none.
 */
export async function daemonAddress(repoPath: string): Promise<string | undefined> {
  for (const { path } of socketPlaces(repoPath, process.env, process.getuid?.() ?? 0)) {
    if (existsSync(path) && (await (typeof Bun === 'undefined' ? answers(path) : answersBun(path)))) {
      return `/unix${path}`
    }
  }
  return undefined
}

async function answersBun(path: string): Promise<boolean> {
  try {
    const socket = await Bun?.connect({ unix: path, socket: { data: () => undefined } })
    socket?.terminate()
    return true
  } catch {
    // Nobody is there, or it is not for us.
    return false
  }
}

async function answers(path: string): Promise<boolean> {
  const { connect } = await import('node:net')
  return await new Promise(resolve => {
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
