import { parseDuration } from '../contract/duration.ts'
import { Failure } from '../contract/failure.ts'
import { GLOBALS_DEFAULT, type Globals, upgradesCidV0 } from '../contract/globals.ts'
import { choice, flag, type Option, text, texts } from '../contract/params.ts'

/**
 * The options that every command takes. Where a command declares one of the same name, the command's own wins.
 * Those marked `caller` stay with the caller; the others travel with a call.
 */
export const globalOptions = {
  repoDir: text('The folder of the repo', { placeholder: 'path', complete: 'folder', caller: true }),
  config: text('The folder of the repo (old name)', {
    short: 'c',
    placeholder: 'path',
    caller: true,
    deprecated: true,
  }),
  configFile: text('The config file', { placeholder: 'path', complete: 'file', caller: true }),
  debug: flag('Say more when something goes wrong', { short: 'D', caller: true }),
  help: flag('Show help', { short: 'h', caller: true }),
  api: text('Run the command in the node at this multiaddr', { placeholder: 'addr', caller: true }),
  apiAuth: text('Secret for the RPC: basic:user:password, bearer:token or a token', {
    placeholder: 'auth',
    caller: true,
  }),
  offline: flag('Do not ask the network'),
  local: flag('Do not ask the network (old name)', { short: 'L', deprecated: true }),
  cidBase: text('Multibase of CIDs in output', { placeholder: 'base', complete: 'base' }),
  upgradeCidv0InOutput: choice('Show CIDv0 as CIDv1 in output; the default when --cid-base names another base'),
  encoding: text('Encoding of output', {
    aliases: ['enc'],
    values: ['text', 'json', 'xml'],
    placeholder: 'format',
    caller: true,
  }),
  json: flag('Print results as JSON, one object a line; the same as --enc=json', { caller: true }),
  template: text('Print each result, or item of a list, as this text with {Field} filled in', {
    placeholder: 'text',
    caller: true,
  }),
  null: flag('End each line of output with NUL instead of a newline; names are as they are', {
    short: '0',
    caller: true,
  }),
  ci: text('Tell a CI system of results and failures: auto, github, gitlab, none; TSIPFS_CI is the default', {
    values: ['auto', 'github', 'gitlab', 'none'],
    placeholder: 'system',
    caller: true,
  }),
  stdin: flag('Read further arguments from standard input, one a line; with -0 each ends with NUL', { caller: true }),
  streamChannels: flag('Stream channel output', { caller: true, deprecated: true }),
  progress: text('Show progress: auto, bar, plain, json, none', {
    offers: ['auto', 'bar', 'plain', 'json', 'none'],
    placeholder: 'kind',
    caller: true,
  }),
  color: text('Use colour: auto, always, never', { values: ['auto', 'always', 'never'], caller: true }),
  timeout: text('Time limit for the whole command, like 30s', { placeholder: 'duration', caller: true }),
  lookupTimeout: text('Time limit until a first provider is found (60s)', { placeholder: 'duration' }),
  stallTimeout: text('Time limit without a byte from the network (60s)', { placeholder: 'duration' }),
  lockTimeout: text('Time limit for a lock on the repo (60s)', { placeholder: 'duration' }),
  durability: text('full: what was printed survives a power cut; none: faster', { values: ['full', 'none'] }),
  peer: texts('Dial this peer for missing blocks', { placeholder: 'addr', complete: 'address' }),
  gateway: texts('Ask this trustless gateway for missing blocks too', { placeholder: 'url' }),
  set: texts('Override a config key for this run: Key.Sub=value', { placeholder: 'key=value' }),
} satisfies Record<string, Option>

export type GlobalValues = { [K in keyof typeof globalOptions]?: unknown }

/** Returns the globals that travel with a call. Throws a `usage` Failure for a value that cannot be. */
export function toGlobals(values: GlobalValues): Globals {
  const cidBase = optionalText(values.cidBase) || undefined
  return {
    ...GLOBALS_DEFAULT,
    timeoutMs: milliseconds(values.timeout, '--timeout'),
    offline: values.offline === true || values.local === true,
    cidBase,
    upgradeCidV0: upgradesCidV0(flagOf(values.upgradeCidv0InOutput), cidBase),
    lookupTimeoutMs: milliseconds(values.lookupTimeout, '--lookup-timeout') ?? GLOBALS_DEFAULT.lookupTimeoutMs,
    stallTimeoutMs: milliseconds(values.stallTimeout, '--stall-timeout') ?? GLOBALS_DEFAULT.stallTimeoutMs,
    lockTimeoutMs: milliseconds(values.lockTimeout, '--lock-timeout') ?? GLOBALS_DEFAULT.lockTimeoutMs,
    durability: values.durability === 'none' ? 'none' : 'full',
    peers: wellFormed(textList(values.peer), '--peer', /^\//, 'write it like /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…'),
    gateways: wellFormed(
      textList(values.gateway),
      '--gateway',
      /^https?:\/\/./i,
      'write it like https://gateway.example',
    ),
    set: textList(values.set).map(splitAssignment),
  }
}

/** Returns the milliseconds of an option that holds a duration; undefined when it was not given. */
export function milliseconds(value: unknown, option: string): number | undefined {
  if (typeof value !== 'string') return undefined
  const ms = parseDuration(value, `value for ${option}`)
  if (ms < 0) throw new Failure('usage', `invalid value for ${option}: "${value}" is negative`)
  return ms
}

/** Throws `usage` for what cannot be an address: it would be asked in vain, and something else blamed. */
function wellFormed(values: readonly string[], option: string, form: RegExp, hint: string): readonly string[] {
  const other = values.find(value => !form.test(value))
  if (other !== undefined) throw new Failure('usage', `invalid value for ${option}: "${other}"`, { hint })
  return values
}

function flagOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined
}

function optionalText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function textList(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}

function splitAssignment(text: string): readonly [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new Failure('usage', `invalid value for --set: "${text}"`, { hint: 'write --set Key.Sub=value' })
  return [text.slice(0, at), text.slice(at + 1)]
}
