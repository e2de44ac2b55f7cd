import type { Call, Command, Context, Executor, Output } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import type { Globals } from '../contract/globals.ts'
import type { Io } from '../contract/io.ts'
import type { Params } from '../contract/params.ts'
import type { AskName, InDaemon, Node, ProvideByDaemon, PublishByDaemon } from '../node/node.ts'
import type { AskDaemon } from '../node/open-exchange.ts'
import { type RepoPlace, TEMPORARY_REPO, temporaryFolder } from './repo-path.ts'

/** What the `render` of a command holds of the bytes of its `run`: the piece that is being written, and the next. */
const HELD_PIECES = 2

/** Returns an executor that runs commands in this process, on the repo at `place`. */
export function localExecutor(
  place: RepoPlace,
  io: Pick<Io, 'env' | 'endsWithCommand'>,
  api?: Context['api'],
): Executor {
  return {
    async *execute(command, call) {
      if (command.needs === 'nothing') {
        const { path: repoPath, shown: repoShown } = place
        yield* command.run(call.input, { ...call, node: absentNode(command.path), repoPath, repoShown, api })
        return
      }
      yield* onRepo(command, call, place, io)
    },
    async [Symbol.asyncDispose]() {
      // Each call closes the node that it opened.
    },
  }
}

/** Returns an executor that runs commands on a node that is open already and stays open: the daemon's. */
export function nodeExecutor(node: Node): Executor {
  return {
    execute: (command, call) => command.run(call.input, contextOf(node, call)),
    async [Symbol.asyncDispose]() {
      // The node belongs to whoever opened it.
    },
  }
}

async function* onRepo<P extends Params, O extends Output>(
  command: Command<P, O>,
  call: Call<P>,
  place: RepoPlace,
  { env, endsWithCommand }: Pick<Io, 'env' | 'endsWithCommand'>,
): AsyncIterable<O> {
  const [{ openRepo, isRepo }, { openNode }] = await Promise.all([import('../repo/open.ts'), import('../node/open.ts')])
  const isTemporary =
    place.path === TEMPORARY_REPO || (command.worksWithoutRepo === true && !place.named && !(await isRepo(place.path)))
  const folder = isTemporary ? await temporaryFolder() : undefined
  try {
    const repo = await openRepo(folder?.path ?? place.path, {
      globals: call.globals,
      env,
      signal: call.signal,
      endsProcess: endsWithCommand === true && !isTemporary,
      create: isTemporary || command.createsRepo === true,
      checkOther: async (cid, bytes) => (await import('../node/hash.ts')).checkBlock(cid, bytes),
    })
    const askDaemon: AskDaemon = async (terms, onState) => {
      const [{ daemonExchange }, { checkBlock }] = await Promise.all([
        import('../rpc/exchange-client.ts'),
        import('../node/hash.ts'),
      ])
      return await daemonExchange(repo.path, { terms, onState, check: checkBlock, signal: call.signal })
    }
    await using node = openNode(repo, {
      globals: call.globals,
      signal: call.signal,
      askDaemon: isTemporary ? undefined : askDaemon,
      // What needs the network runs in the daemon as a whole, when there is one.
      askName: isTemporary || command.needs !== 'repo' ? undefined : nameAsker(repo.path, call.globals),
      publishByDaemon: isTemporary ? undefined : namePublisher(repo.path, call.globals),
      provideByDaemon: isTemporary ? undefined : blockAnnouncer(repo.path, call.globals),
      inDaemon: isTemporary ? undefined : daemonRunner(repo.path, call.globals),
      onFetch: call.answer?.fetching,
    })
    if (command.writes === true && repo.readOnly) {
      throw new Failure('failed', `the repo at ${place.path} is on read-only media`, {
        hint: 'commands that only read work there',
      })
    }
    yield* command.run(call.input, { ...contextOf(node, call), heldPieces: HELD_PIECES })
  } finally {
    await folder?.remove()
  }
}

/** Returns what asks the daemon on a repo for names, once it is needed. */
function nameAsker(repoPath: string, globals: Globals): AskName {
  return async (name, { signal = new AbortController().signal, ...options }) => {
    const { daemonAddress } = await import('../rpc/daemon-address.ts')
    const address = await daemonAddress(repoPath)
    if (address === undefined) return undefined
    const [{ remoteExecutor }, { nameResolve }, { formatDuration }] = await Promise.all([
      import('../rpc/client.ts'),
      import('../commands/name/resolve.ts'),
      import('../contract/duration.ts'),
    ])
    await using daemon = remoteExecutor({ address })
    const input = {
      name,
      recursive: false,
      nocache: options.nocache ?? false,
      dhtRecordCount: options.recordsMax ?? 16,
      dhtTimeout: formatDuration(options.collectMs ?? 60_000),
      stream: false,
    }
    for await (const { Path } of daemon.execute(nameResolve, { input, source: nothing(), globals, signal })) return Path
    return undefined
  }
}

/** Returns what has the daemon on a repo publish. */
function namePublisher(repoPath: string, globals: Globals): PublishByDaemon {
  return async (key, path, { signal = new AbortController().signal }) => {
    const { daemonAddress } = await import('../rpc/daemon-address.ts')
    const address = await daemonAddress(repoPath)
    if (address === undefined) return undefined
    const [{ remoteExecutor }, { namePublish }] = await Promise.all([
      import('../rpc/client.ts'),
      import('../commands/name/publish.ts'),
    ])
    await using daemon = remoteExecutor({ address })
    const input = {
      path,
      key,
      resolve: false,
      lifetime: undefined,
      ttl: undefined,
      quieter: false,
      v1compat: true,
      allowOffline: true,
      allowDelegated: false,
      sequence: undefined,
      ipnsBase: 'base36',
    }
    const call = { input, source: nothing(), globals: { ...globals, set: [] }, signal }
    for await (const { Name } of daemon.execute(namePublish, call)) return String(Name)
    return undefined
  }
}

/** Returns what has the daemon on a repo announce blocks. */
function blockAnnouncer(repoPath: string, globals: Globals): ProvideByDaemon {
  return async (cids, { signal = new AbortController().signal }) => {
    const { daemonAddress } = await import('../rpc/daemon-address.ts')
    const address = await daemonAddress(repoPath)
    if (address === undefined) return false
    const [{ remoteExecutor }, { routingProvide }] = await Promise.all([
      import('../rpc/client.ts'),
      import('../commands/routing/provide.ts'),
    ])
    await using daemon = remoteExecutor({ address })
    const input = { key: cids.map(String), verbose: false, recursive: false }
    const call = { input, source: nothing(), globals: { ...globals, set: [] }, signal }
    for await (const _ of daemon.execute(routingProvide, call));
    return true
  }
}

/** Returns what runs a command in the daemon on a repo. */
function daemonRunner(repoPath: string, globals: Globals): InDaemon {
  return async (command, input, { signal = new AbortController().signal }) => {
    const { daemonAddress } = await import('../rpc/daemon-address.ts')
    const address = await daemonAddress(repoPath)
    if (address === undefined) return undefined
    const { remoteExecutor } = await import('../rpc/client.ts')
    return (async function* () {
      await using daemon = remoteExecutor({ address })
      yield* daemon.execute(command, { input, source: nothing(), globals: { ...globals, set: [] }, signal })
    })()
  }
}

async function* nothing(): AsyncIterable<never> {
  // Nothing is sent along.
}

function contextOf(node: Node, call: Pick<Call, 'source' | 'signal' | 'globals' | 'answer'>): Context {
  const { source, signal, globals, answer } = call
  return { node, source, signal, globals, answer, repoPath: node.repo.path }
}

/** Stands in for the node of a command that said it needs none. */
function absentNode(path: string): Node {
  return new Proxy({} as Node, {
    get() {
      throw new Error(`the command "${path}" is declared to need nothing, and asked for a node`)
    },
  })
}
