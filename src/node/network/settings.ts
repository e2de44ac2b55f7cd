import { parseDuration } from '../../contract/duration.ts'
import type { Config } from '../../repo/roles.ts'

/** Returns the value at a dotted key of a config; undefined when it is not there, or null. */
export function valueAt(config: Config, key: string): unknown {
  let value: unknown = config
  for (const part of key.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = Reflect.get(value, part)
  }
  return value ?? undefined
}

/** Returns the texts at a key; none when it is not there. */
export function textsAt(config: Config, key: string): string[] {
  const value = valueAt(config, key)
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : []
}

/** Returns the text at a key; undefined when it is not there, or empty. */
export function textAt(config: Config, key: string): string | undefined {
  const value = valueAt(config, key)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Returns the switch at a key, or what counts when it is not set. */
export function flagAt(config: Config, key: string, initial: boolean): boolean {
  const value = valueAt(config, key)
  return typeof value === 'boolean' ? value : initial
}

/** Returns the number at a key, or what counts when it is not set. */
export function numberAt(config: Config, key: string, initial: number): number {
  const value = valueAt(config, key)
  return typeof value === 'number' && Number.isFinite(value) ? value : initial
}

/** Returns the duration at a key in milliseconds, or what counts when it is not set. */
export function durationAt(config: Config, key: string, initialMs: number): number {
  const value = textAt(config, key)
  return value === undefined || value === 'default' ? initialMs : parseDuration(value, key)
}
