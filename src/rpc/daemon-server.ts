import { rm } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Command, Executor } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { AGENT } from '../contract/version.ts'
import type { Daemon } from '../node/daemon.ts'
import type { Node } from '../node/node.ts'
import { serveExchange } from './exchange-server.ts'
import { policyOf } from './guard.ts'
import { type Listening, listenAt, listenOwn } from './listen.ts'
import { type ServerOptions, serveRpc } from './server.ts'

/** Where Prometheus looks, as in Kubo. */
const METRICS_PATH = '/debug/metrics/prometheus'

/** What the RPC of a daemon stands on. */
export interface DaemonServerOptions {
  readonly node: Node
  readonly daemon: Daemon
  readonly commands: Readonly<Record<string, () => Promise<Command>>>
  /** Aborts every call. */
  readonly signal: AbortSignal
  /** Is called whenever no call is at work. */
  readonly idle?: () => void
}

/** The doors of a daemon, open. */
export interface DaemonServer {
  /** Where the RPC answers, as multiaddrs: TCP first; the own socket alone when nothing else is configured. */
  readonly addresses: readonly string[]
  /** Loads what the first calls would wait for. */
  prepare(): void
  /** Closes the doors and removes the files that named them. */
  close(): Promise<void>
}

/**
 * Opens the doors of a daemon: the repo's own socket always, and those of `Addresses.API`. The first address is written
 * to the repo's `api` file once it answers.
 */
export async function serveDaemon(options: DaemonServerOptions): Promise<DaemonServer> {
  const { node, daemon } = options
  const calls = new Calls(options.idle)
  const [config, { COMMIT }] = await Promise.all([node.repo.config.read(), import('../node/build.ts')])
  const listener = serveRpc({
    commands: options.commands,
    executor: executorOn(node, calls),
    policy: policyOf(config.API),
    agent: AGENT,
    signal: options.signal,
    begun: request => {
      daemon.log.write('rpc', 'debug', `begins ${request.command}`)
      return daemon.requests.begin(request)
    },
    bug: error =>
      daemon.log.write('rpc', 'error', error instanceof Error ? (error.stack ?? error.message) : String(error)),
    other: otherPages(options, COMMIT),
  })
  const apiFile = join(node.repo.path, 'api')
  await rm(apiFile, { force: true })
  const open: Listening[] = []
  const close = async (): Promise<void> => {
    await rm(apiFile, { force: true })
    await Promise.all(open.map(one => one.close()))
  }
  try {
    open.push(await listenOwn(node.repo.path, listener, exchangeOn(options, calls)))
    for (const address of addressList(config, 'API')) open.push(await listenAt(address, listener))
    const [own, ...others] = open.map(({ address }) => address)
    const addresses = others.length > 0 ? others : own === undefined ? [] : [own]
    const { writeWhole } = await import('../repo/replace-file.ts')
    const first = addresses.find(address => !address.startsWith('/unix/')) ?? addresses[0] ?? ''
    await writeWhole(apiFile, reachable(first))
    return { addresses, prepare, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** What every call, and every fetch, runs in the daemon. What fails to load is met by the call. */
function prepare(): void {
  const modules = [import('../node/call-node.ts'), import('../node/open-exchange.ts'), import('multiformats/cid')]
  Promise.all(modules).catch(() => undefined)
}

/** Returns the addresses of one kind that a config names. */
export function addressList(config: Readonly<Record<string, unknown>>, kind: 'API' | 'Gateway'): readonly string[] {
  const { Addresses } = config
  const value = typeof Addresses === 'object' && Addresses !== null ? Object.entries(Addresses) : []
  const found: unknown = value.find(([key]) => key === kind)?.[1]
  const list: readonly unknown[] = Array.isArray(found) ? found : [found]
  return list.filter(item => typeof item === 'string').filter(item => item !== '')
}

/** Returns an address that can be dialled: what stands for all interfaces is reached by that of this machine. */
export function reachable(address: string): string {
  return address.replace(/^\/ip4\/0\.0\.0\.0\//, '/ip4/127.0.0.1/').replace(/^\/ip6\/::\//, '/ip6/::1/')
}

/** Counts what is at work. */
class Calls {
  #count = 0
  readonly #idle: (() => void) | undefined

  constructor(idle: (() => void) | undefined) {
    this.#idle = idle
  }

  /** What it returns is to be called, once, at the end. */
  begin(): () => void {
    this.#count += 1
    return () => {
      this.#count -= 1
      if (this.#count === 0) this.#idle?.()
    }
  }
}

/** Lends the network to commands that run beside the daemon. */
function exchangeOn({ node, daemon, signal }: DaemonServerOptions, calls: Calls): ReturnType<typeof serveExchange> {
  return serveExchange({
    node,
    signal,
    begun: () => calls.begin(),
    bug: error =>
      daemon.log.write('bitswap', 'error', error instanceof Error ? (error.stack ?? error.message) : String(error)),
    open: async ({ watches, ...terms }, onState) => {
      const { nodeForCall } = await import('../node/call-node.ts')
      return nodeForCall(node, { ...node.globals, ...terms }, watches ? onState : undefined)
    },
  })
}

function executorOn(node: Node, calls: Calls): Executor {
  let loading: Promise<typeof import('../node/call-node.ts')> | undefined
  return {
    async *execute(command, call) {
      loading ??= import('../node/call-node.ts')
      const { nodeForCall } = await loading
      const { source, signal, answer } = call
      // What has no network cannot ask it, whatever the call says. Who asks how the daemon is asks the network nothing.
      const heeds = command.needs !== 'daemon' || command.refusesOffline === true
      const globals = { ...call.globals, offline: node.globals.offline || (call.globals.offline && heeds) }
      if (command.writes === true && node.repo.readOnly) {
        throw new Failure('failed', 'the repo is on read-only media', { hint: 'commands that only read work there' })
      }
      const ended = calls.begin()
      try {
        await using callNode = nodeForCall(node, globals, answer?.fetching)
        const context = { node: callNode, source, signal, globals, answer, repoPath: node.repo.path }
        yield* command.run(call.input, context)
      } finally {
        ended()
      }
    },
    async [Symbol.asyncDispose]() {
      // The node is closed by whoever opened it.
    },
  }
}

/** Answers `/version` and what Prometheus asks for, and nothing else. */
function otherPages(
  { node, signal, daemon }: DaemonServerOptions,
  commit: string,
): NonNullable<ServerOptions['other']> {
  const metrics = async (response: ServerResponse): Promise<void> => {
    const { METRICS_TYPE, metricsText } = await import('./metrics.ts')
    const network = node.globals.offline ? undefined : await node.network({ signal })
    const text = await metricsText(commit, network)
    response.writeHead(200, { 'Content-Type': METRICS_TYPE }).end(text)
  }
  return (request, response) => {
    const path = request.url?.split('?')[0]
    if (path === METRICS_PATH) {
      metrics(response).catch((error: unknown) => {
        daemon.log.write('rpc', 'error', String(error))
        response.destroy()
      })
      return true
    }
    if (path !== '/version') return false
    response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' })
    response.end(`Commit: ${commit}\nClient Version: ${AGENT}\n`)
    return true
  }
}
