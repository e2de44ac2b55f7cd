import { Failure } from '../contract/failure.ts'
import type { Globals } from '../contract/globals.ts'
import { keyInAnyCase, problemOf, putAt, shapeAt, valueFromText } from './config-values.ts'
import type { Config } from './roles.ts'

/** A config key that has another value for this run. */
export interface Override {
  /** The dotted key: `Addresses.API`. */
  readonly key: string
  readonly value: unknown
  /** What said so: `--set`, or the name of a variable. */
  readonly origin: string
}

type Env = Readonly<Record<string, string | undefined>>

const PREFIX = 'TSIPFS_'

/**
 * Returns what the environment (`TSIPFS_ADDRESSES__API`) and the options (`--set Addresses.API=…`) say, in the order in
 * which they are to be applied. Throws a `usage` Failure for a key that there is not and a value that cannot be.
 */
export function overridesOf(globals: Pick<Globals, 'set'>, env: Env): Override[] {
  const overrides: Override[] = []
  for (const name of Object.keys(env).sort()) {
    const text = env[name]
    if (text === undefined || !name.startsWith(PREFIX)) continue
    const words = name.slice(PREFIX.length).split('__')
    // Without a double underscore it is a variable of another meaning (TSIPFS_PATH), but for a key that has no parts.
    if (words.length === 1 && words[0] !== 'BOOTSTRAP') continue
    const key = keyInAnyCase(words.join('.'))
    if (key === undefined) throw new Failure('usage', `${name}: there is no config key ${words.join('.')}`)
    overrides.push(overrideOf(key, text, name))
  }
  for (const [key, text] of globals.set) overrides.push(overrideOf(key, text, '--set'))
  return overrides
}

/** Returns the config with the overrides applied. The config given is changed. */
export function applyOverrides(config: Config, overrides: readonly Override[]): Config {
  for (const { key, value, origin } of overrides) {
    putAt(config, key, value)
    const problem = problemOf(config)
    if (problem !== undefined) throw new Failure('usage', `${origin}: ${problem}`)
  }
  return config
}

function overrideOf(key: string, text: string, origin: string): Override {
  if (/^identity(\.|$)/i.test(key)) {
    throw new Failure('usage', `${origin}: the identity of a repo cannot be overridden`)
  }
  return { key, value: valueFromText(shapeAt(key), text, key), origin }
}
