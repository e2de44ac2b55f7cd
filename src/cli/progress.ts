import type { Progress } from '../contract/command.ts'
import { cutToWidth, displayWidth, endWithin } from '../contract/display-width.ts'
import type { Sink } from '../contract/io.ts'
import type { FetchState } from '../node/exchange.ts'

/** How progress is shown: a bar on a terminal, plain lines in a log, JSON lines for programs, or not at all. */
export type ProgressKind = 'bar' | 'plain' | 'json' | 'none'

const DRAW_MS = 100
const PLAIN_MS = 2_000
const RATE_AFTER_MS = 1_000
const LABEL_WIDTH_MIN = 12
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/**
 * Returns the progress line of one command, written to `err`. `columns` gives the width of the terminal, which may change;
 * `now` gives milliseconds.
 */
export function createProgress(kind: ProgressKind, err: Sink, columns: () => number, now: () => number): Progress {
  if (kind === 'none') return { update: () => undefined, clear: async () => undefined }
  const started = now()
  let drawnAt = Number.NEGATIVE_INFINITY
  let shownWidth = 0
  let writing: Promise<void> = Promise.resolve()
  const interval = kind === 'bar' ? DRAW_MS : PLAIN_MS
  let last: Parameters<Progress['update']>[0] | undefined
  let noted = ''
  const write = (text: string): void => {
    // A terminal that went away must not fail the work.
    writing = writing.then(() => err.write(text)).catch(() => undefined)
  }
  /** A terminal that has become narrower shows the line on several rows. */
  const wipe = (): string => {
    const rowsAbove = Math.max(0, Math.ceil(shownWidth / Math.max(1, columns())) - 1)
    return rowsAbove === 0 ? '\r\x1b[K' : `\r\x1b[${rowsAbove}A\x1b[J`
  }
  const progress = {
    update(state: Parameters<Progress['update']>[0]): void {
      last = state
      const at = now()
      if (at - drawnAt < interval) return
      // A command that takes less than a second leaves the screen alone.
      if (kind !== 'json' && at - started < RATE_AFTER_MS / 2) return
      drawnAt = at
      if (kind === 'json') {
        write(`${JSON.stringify({ progress: noted === '' ? state : { ...state, fetch: noted } })}\n`)
        return
      }
      const line = progressLine(state, at - started, columns(), noted)
      write(kind === 'bar' ? `${wipe()}${line}` : `${line}\n`)
      if (kind === 'bar') shownWidth = displayWidth(line)
    },
    note(text: string): void {
      noted = text
      progress.update(last ?? { done: 0, unit: 'bytes' })
    },
    async clear(): Promise<void> {
      if (shownWidth > 0) write(wipe())
      shownWidth = 0
      await writing
    },
  }
  return progress
}

/** Returns how far a fetch is, for the end of the line. */
export function fetchText({ peers, wants, blocks, bytes }: FetchState): string {
  const fetched = `${blocks} block${blocks === 1 ? '' : 's'} fetched, ${formatBytes(bytes)}`
  return `${peers} peer${peers === 1 ? '' : 's'}, ${wants} wanted, ${fetched}`
}

/** Returns one line: label, amount, share, rate and the time that is left. */
export function progressLine(
  state: { label?: string; done: number; total?: number | undefined; unit?: 'bytes' | 'items' },
  elapsedMs: number,
  columns: number,
  noted = '',
): string {
  const show = state.unit === 'items' ? (value: number) => String(Math.round(value)) : formatBytes
  const parts = [state.total === undefined ? show(state.done) : `${show(state.done)} / ${show(state.total)}`]
  const rate = elapsedMs >= RATE_AFTER_MS ? state.done / (elapsedMs / 1000) : 0
  if (state.total !== undefined && state.total > 0) {
    const share = Math.min(1, state.done / state.total)
    parts.unshift(bar(share, Math.max(0, Math.min(24, columns - 50))))
    parts.push(`${(share * 100).toFixed(0)}%`)
  }
  if (rate > 0) parts.push(`${show(rate)}/s`)
  if (rate > 0 && state.total !== undefined && state.done < state.total) {
    parts.push(`${formatSeconds((state.total - state.done) / rate)} left`)
  }
  if (noted !== '') parts.push(`(${noted})`)
  const widthMax = Math.max(10, columns - 1)
  const shown = parts.filter(part => part !== '')
  const labelMin = Math.min(LABEL_WIDTH_MIN, displayWidth(state.label ?? ''))
  // What does not fit is left out whole, the last first.
  while (shown.length > 1 && labelMin + 1 + displayWidth(shown.join('  ')) > widthMax) shown.pop()
  const amounts = shown.join('  ')
  const label = endWithin(state.label ?? '', Math.max(LABEL_WIDTH_MIN, widthMax - displayWidth(amounts) - 1))
  return cutToWidth(label === '' ? amounts : `${label} ${amounts}`, widthMax)
}

/** Returns a size for people: `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(value < 10 ? 2 : 1)} ${UNITS[unit]}`
}

function bar(share: number, width: number): string {
  if (width < 6) return ''
  const full = Math.round(share * width)
  return `[${'='.repeat(full)}${' '.repeat(width - full)}]`
}

function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${Math.ceil(seconds % 60)}s`
  return `${Math.floor(seconds / 3600)}h${Math.floor((seconds % 3600) / 60)}m`
}
