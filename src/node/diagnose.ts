import { setTimeout as later } from 'node:timers/promises'
import { Failure } from '../contract/failure.ts'
import { VERSION } from '../contract/version.ts'
import { withoutSecrets } from '../repo/config-secrets.ts'
import { architecture, COMMIT, dependencies, runtime } from './build.ts'
import type { Daemon } from './daemon.ts'
import type { Node } from './node.ts'
import { systemInfo } from './system-info.ts'
import type { ZipEntry } from './zip.ts'

/** What can be collected, and how. */
const COLLECTORS: Readonly<Record<string, (job: Job) => Promise<ZipEntry[]>>> = {
  version: async () => [json('version.json', await versionInfo())],
  sys: async ({ node }) => [json('sys.json', await systemInfo(node.repo.path, { online: !node.globals.offline }))],
  config: async ({ node }) => [json('config.json', withoutSecrets(await node.repo.config.read()))],
  repo: async ({ node }) => [json('repo.json', await node.repo.stat())],
  heap: async () => [json('memory.json', await memoryInfo())],
  requests: async ({ daemon }) => [json('requests.json', daemon.requests.list())],
  cpu: cpuProfile,
}

export const COLLECTOR_NAMES: readonly string[] = Object.keys(COLLECTORS)
/** Collectors of Kubo that say nothing here. */
const FOREIGN = new Set(['goroutines-stack', 'goroutines-pprof', 'allocs', 'bin', 'mutex', 'block', 'trace'])

interface Job {
  readonly node: Node
  readonly daemon: Daemon
  readonly profileMs: number
  readonly signal: AbortSignal
}

/** Throws `usage` for a collector that there is not. */
export function checkCollectors(names: readonly string[]): void {
  for (const name of names) {
    if (Object.hasOwn(COLLECTORS, name) || FOREIGN.has(name)) continue
    throw new Failure('usage', `unknown collector: ${name}`, { hint: `there are ${COLLECTOR_NAMES.join(', ')}` })
  }
}

/** Yields what is to be known of a running daemon, a file each. Neither keys nor data nor addresses of peers are in it. */
export async function* diagnose(names: readonly string[], job: Job): AsyncIterable<ZipEntry> {
  for (const name of names) {
    job.signal.throwIfAborted()
    yield* (await COLLECTORS[name]?.(job)) ?? []
  }
}

async function versionInfo(): Promise<object> {
  return {
    Version: VERSION,
    Commit: COMMIT,
    System: `${architecture()}/${process.platform}`,
    Runtime: runtime(),
    Dependencies: await dependencies(),
  }
}

async function memoryInfo(): Promise<object> {
  const { getHeapStatistics } = await import('node:v8')
  return { usage: process.memoryUsage(), heap: getHeapStatistics(), resources: process.resourceUsage() }
}

/** Samples what the daemon does; browsers and editors open the file. */
async function cpuProfile({ profileMs, signal }: Job): Promise<ZipEntry[]> {
  if (profileMs <= 0) return []
  const { Session } = await import('node:inspector/promises')
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.start')
    await later(profileMs, undefined, { signal })
    const { profile } = await session.post('Profiler.stop')
    return [json('cpu.cpuprofile', profile)]
  } finally {
    session.disconnect()
  }
}

function json(name: string, value: unknown): ZipEntry {
  return { name, bytes: Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`) }
}
