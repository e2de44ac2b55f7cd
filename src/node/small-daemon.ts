import type { Globals } from '../contract/globals.ts'
import { openConfig } from '../repo/config.ts'
import { isRepo } from '../repo/open.ts'
import { isSmall } from './memory-budget.ts'
import { ownArguments } from './own-arguments.ts'

/** The settings of the JavaScript engine are read from here, once, when it starts. */
const JIT_VARIABLE = 'BUN_JSC_useJIT'
const CACHE_KIB = 2 * 1024

type Env = Readonly<Record<string, string | undefined>>

/**
 * Makes this process one that is sparing with memory, when the config asks for it: begins anew without the compiler,
 * which takes half of the memory in a fetch, and half as much CPU again, unless the environment decides about it. Returns
 * what the repo is to be opened with.
 */
export async function beSmall(repoPath: string, globals: Globals, env: Env): Promise<{ readonly cacheKib?: number }> {
  if (!(await isRepo(repoPath))) return {}
  if (!isSmall(await openConfig(repoPath, globals, env).read())) return {}
  // On Node the engine's caches are small enough, and its compiler cannot be turned off without loss of WebAssembly.
  if (process.versions.bun !== undefined && env[JIT_VARIABLE] === undefined) startAnew({ [JIT_VARIABLE]: '0' })
  return { cacheKib: CACHE_KIB }
}

/** Replaces the program by itself: same process, same open files, other environment. Where that cannot be, goes on. */
function startAnew(added: Readonly<Record<string, string>>): void {
  process.execve?.(process.execPath, [process.execPath, ...ownArguments()], { ...process.env, ...added })
}
