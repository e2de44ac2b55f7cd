import { readFileSync, statSync } from 'node:fs'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import type { Globals } from '../contract/globals.ts'
import type { Override } from './config-overrides.ts'
import { layoutOf } from './layout.ts'
import type { Config, ConfigStore } from './roles.ts'

/** The config file is read, and written, when it is at most so long: one that could not be read would lock its owner out. */
export const CONFIG_BYTES_MAX: number = 2 * 1024 * 1024
const PREFIX = 'TSIPFS_'

/** Variables of other meanings, like TSIPFS_PATH, are in most environments: for them the schema is not loaded. */
function mayOverride(name: string): boolean {
  return name.startsWith(PREFIX) && (name.includes('__') || name === `${PREFIX}BOOTSTRAP`)
}

type Env = Readonly<Record<string, string | undefined>>
type ConfigGlobals = Pick<Globals, 'set' | 'lockTimeoutMs'>

/** Returns the config of the repo at `path`. Nothing is read before it is asked for. */
export function openConfig(path: string, globals: ConfigGlobals, env: Env = {}): ConfigStore {
  return new ConfigFile(path, globals, env)
}

class ConfigFile implements ConfigStore {
  readonly #file: string
  readonly #lock: string
  readonly #globals: ConfigGlobals
  readonly #env: Env
  #overrides: Promise<readonly Override[]> | undefined
  #seen: { readonly stamp: string; readonly text: string } | undefined

  constructor(path: string, globals: ConfigGlobals, env: Env) {
    const layout = layoutOf(path)
    this.#file = layout.config
    this.#lock = layout.configLock
    this.#globals = globals
    this.#env = env
  }

  async read(): Promise<Config> {
    const config = await this.readFile()
    const overrides = await this.overrides()
    if (overrides.length === 0) return config
    const { applyOverrides } = await import('./config-overrides.ts')
    return applyOverrides(config, overrides)
  }

  async readFile(): Promise<Config> {
    return parseConfig(this.#text(), this.#file)
  }

  async update(change: (config: Config) => Config): Promise<void> {
    const [{ KernelLock }, { writeWhole }, { prettyJson, problemOf, sortKeys }] = await Promise.all([
      import('./locks.ts'),
      import('./replace-file.ts'),
      import('./config-values.ts'),
    ])
    using _lock = await KernelLock.wait(this.#lock, 'exclusive', {
      timeoutMs: this.#globals.lockTimeoutMs,
      busy: 'the config is locked by another process',
    })
    const changed = change(await this.readFile())
    const problem = problemOf(changed)
    if (problem !== undefined) throw new Failure('usage', problem)
    const text = prettyJson(sortKeys(changed))
    checkConfigSize(text)
    await writeWhole(this.#file, text)
  }

  async get(key: string): Promise<unknown> {
    let value: unknown = await this.read()
    for (const part of key.split('.')) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
      value = (value as Record<string, unknown>)[part]
    }
    return value
  }

  overrides(): Promise<readonly Override[]> {
    this.#overrides ??= this.#readOverrides()
    return this.#overrides
  }

  async #readOverrides(): Promise<readonly Override[]> {
    const named = Object.keys(this.#env).some(mayOverride)
    if (!named && this.#globals.set.length === 0) return []
    const { overridesOf } = await import('./config-overrides.ts')
    return overridesOf(this.#globals, this.#env)
  }

  /**
   * Returns the text of the file, from memory when it has not been replaced since. Read at once: to start the threads
   * for it would take ten times as long.
   */
  #text(): string {
    try {
      const { ino, size, mtimeNs } = statSync(this.#file, { bigint: true })
      const stamp = `${ino} ${size} ${mtimeNs}`
      if (this.#seen?.stamp === stamp) return this.#seen.text
      if (size > CONFIG_BYTES_MAX) throw new Failure('failed', `${this.#file}: larger than ${CONFIG_BYTES_MAX} bytes`)
      const text = readFileSync(this.#file, 'utf8')
      this.#seen = { stamp, text }
      return text
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw systemFailure(error, this.#file)
      throw new Failure('no-repo', `${this.#file}: no such file`, { hint: 'make a repo with: tsipfs init' })
    }
  }
}

/** Throws `usage` when the text of a config is longer than what is read. */
export function checkConfigSize(text: string): void {
  if (Buffer.byteLength(text) > CONFIG_BYTES_MAX) {
    throw new Failure('usage', `the config would be larger than ${CONFIG_BYTES_MAX} bytes`)
  }
}

/** Returns the config that a text holds. Throws a Failure that names the file when it is no JSON object. */
export function parseConfig(text: string, file: string): Config {
  let config: unknown
  try {
    config = JSON.parse(text)
  } catch (error) {
    throw new Failure('failed', `${file}: not valid JSON: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
  refuseDeep(config, file)
  if (typeof config === 'object' && config !== null && !Array.isArray(config)) return config as Config
  throw new Failure('failed', `${file}: not a JSON object`)
}

/** No key of a config lies so deep; what is done with one may use the stack. */
const DEPTH_MAX = 64

/** Throws `failed` for a value that is nested deeper than that. */
export function refuseDeep(value: unknown, what: string): void {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEPTH_MAX) throw new Failure('failed', `${what}: nested more than ${DEPTH_MAX} deep`)
    level = level.flatMap(item => (typeof item === 'object' && item !== null ? Object.values(item) : []))
  }
}
