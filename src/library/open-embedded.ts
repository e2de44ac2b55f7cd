import { Failure } from '../contract/failure.ts'
import { GLOBALS_DEFAULT, type Globals } from '../contract/globals.ts'
import type { Node } from '../node/node.ts'
import type { AskDaemon } from '../node/open-exchange.ts'
import type { CheckOther } from '../repo/check.ts'
import type { Override } from '../repo/config-overrides.ts'
import type { Repo } from '../repo/roles.ts'
import type { OpenNodeOptions, TsipfsNode } from './api.ts'

const MEMORY = ':memory:'
const TEMPORARY = ':temp:'

/** Opens the node of `openNode`. What was opened before something failed is closed again. */
export async function openEmbedded(options: OpenNodeOptions): Promise<TsipfsNode> {
  const [{ openNode }, { EmbeddedNode }] = await Promise.all([import('../node/open.ts'), import('./embedded-node.ts')])
  const globals = globalsOf(options)
  const stack = new AsyncDisposableStack()
  try {
    const repo = stack.use(await repoOf(options, globals, stack))
    const isAlone = await holdsIdentity(repo, options, stack)
    const closing = new AbortController()
    const node: Node = openNode(repo, {
      globals,
      identity: isAlone ? 'repo' : 'ephemeral',
      signal: closing.signal,
      settles: true,
      askDaemon: isAlone ? undefined : await daemonOf(repo.path, closing.signal),
    })
    stack.use(node)
    stack.defer(() => closing.abort(new DOMException('the node is closed', 'AbortError')))
    const { nodeForCall } = await import('../node/call-node.ts')
    // Each call has a session of its own; beside a daemon the sessions are the daemon's.
    const lend = (): Node => (isAlone && !globals.offline ? nodeForCall(node, globals) : lent(node))
    return new EmbeddedNode(node, { lend, stack: stack.move(), closing: closing.signal })
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

/** Returns the node itself, for a call that leaves it open. */
function lent(node: Node): Node {
  return {
    ...{ repo: node.repo, blocks: node.blocks, globals: node.globals },
    network: options => node.network(options),
    async [Symbol.asyncDispose]() {
      // Whoever opened the node closes it.
    },
  }
}

function globalsOf(options: OpenNodeOptions): Globals {
  return {
    ...GLOBALS_DEFAULT,
    offline: options.offline ?? false,
    peers: options.peers ?? [],
    gateways: options.gateways ?? [],
    lookupTimeoutMs: options.lookupTimeoutMs ?? GLOBALS_DEFAULT.lookupTimeoutMs,
    stallTimeoutMs: options.stallTimeoutMs ?? GLOBALS_DEFAULT.stallTimeoutMs,
    set: Object.entries(options.config ?? {}).map(([key, value]) => [key, JSON.stringify(value)]),
  }
}

async function repoOf(options: OpenNodeOptions, globals: Globals, stack: AsyncDisposableStack): Promise<Repo> {
  const { repo: place = MEMORY, signal, create = true } = options
  const checkOther: CheckOther = async (cid, bytes) => (await import('../node/hash.ts')).checkBlock(cid, bytes)
  if (place === '') throw new Failure('usage', 'the path of a repo is empty')
  const profiles = (options.profiles ?? []).join(',')
  if (place === MEMORY) return await inMemory(profiles, options, checkOther)
  const [{ openRepo, isRepo }, { initRepo }] = await Promise.all([import('../repo/open.ts'), import('../repo/init.ts')])
  const path = place === TEMPORARY ? await temporaryPath(stack) : place
  if (create && !(await isRepo(path))) await initRepo(path, { profiles, globals, signal })
  return await openRepo(path, { globals, signal, checkOther })
}

async function inMemory(profiles: string, options: OpenNodeOptions, checkOther: CheckOther): Promise<Repo> {
  const [{ memoryRepo }, { profilesByNames }] = await Promise.all([
    import('../repo/memory-repo.ts'),
    import('../repo/profiles.ts'),
  ])
  const overrides = Object.entries(options.config ?? {}).map(
    ([key, value]): Override => ({ key, value, origin: 'config' }),
  )
  return await memoryRepo({ profiles: profilesByNames(profiles), overrides, checkOther })
}

async function temporaryPath(stack: AsyncDisposableStack): Promise<string> {
  const { temporaryFolder } = await import('../cli/repo-path.ts')
  const { path, remove } = await temporaryFolder()
  stack.defer(remove)
  return path
}

/**
 * Only one node at a time has the identity of a repo: the daemon on it, or this one, which holds the daemon's lock for as
 * long as it is open. Returns false when another has it.
 */
async function holdsIdentity(repo: Repo, options: OpenNodeOptions, stack: AsyncDisposableStack): Promise<boolean> {
  if (repo.path === MEMORY || options.offline === true) return true
  if (repo.readOnly) return false
  const [{ KernelLock }, { layoutOf }] = await Promise.all([import('../repo/locks.ts'), import('../repo/layout.ts')])
  const lock = KernelLock.tryExclusive(layoutOf(repo.path).daemonLock)
  if (lock !== undefined) stack.use(lock)
  return lock !== undefined
}

async function daemonOf(repoPath: string, signal: AbortSignal): Promise<AskDaemon> {
  const [{ daemonExchange }, { checkBlock }] = await Promise.all([
    import('../rpc/exchange-client.ts'),
    import('../node/hash.ts'),
  ])
  return (terms, onState) => daemonExchange(repoPath, { terms, onState, check: checkBlock, signal })
}
