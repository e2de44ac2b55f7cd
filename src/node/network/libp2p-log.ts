import type { ComponentLogger, Logger } from '@libp2p/interface'

/** What libp2p logs as an error. `args` belong to the placeholders of `format`. */
export type ErrorListener = (component: string, format: string, args: readonly unknown[]) => void

/** Returns a logger for libp2p that keeps quiet, but hands on errors. Its placeholders cost nothing that way. */
export function quietLogger(onError: ErrorListener): ComponentLogger {
  return { forComponent: name => loggerFor(name, onError) }
}

function loggerFor(name: string, onError: ErrorListener): Logger {
  const log: Logger = Object.assign((): void => undefined, {
    enabled: false,
    trace: (): void => undefined,
    error: (format: unknown, ...args: unknown[]): void => onError(name, String(format), args),
    // There are several for each stream: the component alone says where an error comes from.
    newScope: (): Logger => log,
  })
  return log
}

/** Returns the text of a line whose placeholders libp2p left open. */
export function logText(format: string, args: readonly unknown[]): string {
  let at = 0
  return format.replace(/%[a-zA-Z]/g, mark => (at < args.length ? textOf(args[at++]) : mark))
}

function textOf(value: unknown): string {
  if (value instanceof Error) return value.message
  if (value instanceof Uint8Array) return `${value.length} bytes`
  return String(value)
}
