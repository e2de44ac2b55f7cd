import { closeSync, write, writeSync } from 'node:fs'
import { setTimeout as later } from 'node:timers/promises'
import type { Command } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import type { Globals } from '../contract/globals.ts'
import { compileSoon } from '../contract/jit.ts'
import type { Daemon } from '../node/daemon.ts'
import type { Network } from '../node/network/network.ts'
import type { Node } from '../node/node.ts'
import { openGateway } from './daemon-gateway.ts'
import { serveDaemon } from './daemon-server.ts'

/** Time that the network and the repo have to close. */
const CLOSE_TIMEOUT_MS = 6_000

export interface DaemonOptions {
  readonly repoPath: string
  readonly globals: Globals
  readonly commands: Readonly<Record<string, () => Promise<Command>>>
  /** Ends the daemon; that is no failure. */
  readonly signal: AbortSignal
  readonly env: Readonly<Record<string, string | undefined>>
  readonly enableGc: boolean
  /** Is written to, and closed, when the daemon is ready. */
  readonly readyFd: number | undefined
}

/**
 * Runs the daemon of a repo until it is told to stop. Yields the lines that say where it listens, and last that it is
 * ready. Throws `no-repo`, and `locked` when the repo has a daemon already.
 */
export async function* runDaemon(options: DaemonOptions): AsyncGenerator<{ Message: string }> {
  const { repoPath, globals, env } = options
  const { beSmall } = await import('../node/small-daemon.ts')
  const memory = await beSmall(repoPath, globals, env)
  const [{ openRepo }, { layoutOf }, { KernelLock }, { openNode }, { DaemonState }] = await Promise.all([
    import('../repo/open.ts'),
    import('../repo/layout.ts'),
    import('../repo/locks.ts'),
    import('../node/open.ts'),
    import('../node/daemon-state.ts'),
  ])
  const repo = await openRepo(repoPath, {
    globals,
    env,
    ...memory,
    checkOther: async (cid, bytes) => (await import('../node/hash.ts')).checkBlock(cid, bytes),
  })
  if (repo.readOnly) {
    await repo[Symbol.asyncDispose]()
    throw new Failure('failed', `the repo at ${repoPath} is on read-only media, where a daemon cannot work`, {
      hint: 'commands that only read work there, and need no daemon',
    })
  }
  using lock = KernelLock.tryExclusive(layoutOf(repo.path).daemonLock)
  if (lock === undefined) {
    await repo[Symbol.asyncDispose]()
    throw new Failure('locked', `a daemon is running on the repo at ${repoPath} already`, {
      hint: 'end it with: tsipfs daemon stop',
    })
  }
  const state = new DaemonState(env.GOLOG_LOG_LEVEL ?? '', line => write(2, line, () => undefined))
  const stopped = AbortSignal.any([options.signal, state.signal])
  const node = openNode(repo, { globals, identity: 'repo', signal: stopped, daemon: state })
  using _strays = catchStrays(state)
  try {
    const network = globals.offline ? undefined : await node.network({ signal: stopped })
    const server = await serveDaemon({
      node,
      daemon: state,
      commands: options.commands,
      signal: stopped,
      idle: () => void repo.renew().catch(error => state.log.write('repo', 'error', String(error))),
    })
    let gateway: Doors | undefined
    try {
      gateway = await openGateway({ node, daemon: state, signal: stopped })
      const lines = readyLines(server, gateway, network)
      for (const Message of lines) yield { Message }
      await tellReady(options, lines)
      network?.settle()
      server.prepare()
      compileSoon()
      const { collectAtRest } = await import('../node/rest-collector.ts')
      collectAtRest(env, stopped)
      if (options.enableGc) void collectRegularly(node, state, stopped)
      await aborted(stopped)
    } finally {
      // Calls that are at work are aborted before the doors close: this may be a failure on the way, too.
      state.stop()
      await Promise.all([server.close(), gateway?.close()])
    }
  } finally {
    await Promise.race([node[Symbol.asyncDispose](), later(CLOSE_TIMEOUT_MS, undefined, { ref: false })])
  }
}

/** What can be asked from outside, and where. */
interface Doors {
  readonly addresses: readonly string[]
  close(): Promise<void>
}

function readyLines(server: Doors, gateway: Doors, network: Network | undefined): string[] {
  return [
    ...privateLines(network?.privateNetwork),
    ...listeningLines(network?.swarm.listenAddresses() ?? []),
    ...server.addresses.map(address => `RPC API server listening on ${address}`),
    ...gateway.addresses.map(address => `Gateway server listening on ${address}`),
    'Daemon is ready',
  ]
}

function privateLines(fingerprint: string | undefined): string[] {
  if (fingerprint === undefined) return []
  return ['Swarm is limited to private network of peers with the swarm key', `Swarm key fingerprint: ${fingerprint}`]
}

/** As Kubo prints them: `Swarm listening on 127.0.0.1:4001 (TCP)`. */
function listeningLines(addresses: readonly string[]): string[] {
  const lines = addresses.map(address => {
    const [, name, host, transport = '', port = ''] =
      /^\/(ip4|ip6|dns[46]?)\/([^/]+)\/(tcp|udp)\/(\d+)/.exec(address) ?? []
    if (host === undefined) return `Swarm listening on ${address}`
    return `Swarm listening on ${name === 'ip6' ? `[${host}]` : host}:${port} (${transport.toUpperCase()})`
  })
  return [...new Set(lines)].sort()
}

async function collectRegularly(node: Node, state: Daemon, signal: AbortSignal): Promise<void> {
  const { collectWhenLarge } = await import('../node/daemon-gc.ts')
  await collectWhenLarge(node, state, signal)
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** Tells whoever started us: a file descriptor (s6, --detach), and systemd. */
async function tellReady({ readyFd, env }: DaemonOptions, lines: readonly string[]): Promise<void> {
  if (readyFd !== undefined) {
    try {
      writeSync(readyFd, `${lines.join('\n')}\n`)
      closeSync(readyFd)
    } catch (error) {
      throw new Failure('usage', `--ready-fd: cannot write to file descriptor ${readyFd}`, { cause: error })
    }
  }
  if (env.NOTIFY_SOCKET === undefined || env.NOTIFY_SOCKET === '') return
  const { execFile } = await import('node:child_process')
  // The notification is a datagram on a Unix socket, which the runtimes cannot send.
  await new Promise<void>(resolve => {
    execFile('systemd-notify', ['--ready', `--pid=${process.pid}`], error => {
      if (error !== null) write(2, `systemd-notify: ${error.message}\n`, () => undefined)
      resolve()
    })
  })
}

/** What nobody awaited must not end a daemon that others rely on: it is logged. */
function catchStrays(state: Daemon): Disposable {
  const log = (error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    state.log.write('core', 'error', `a bug in tsipfs: ${text}`)
  }
  process.on('uncaughtException', log)
  process.on('unhandledRejection', log)
  return {
    [Symbol.dispose]() {
      process.off('uncaughtException', log)
      process.off('unhandledRejection', log)
    },
  }
}
