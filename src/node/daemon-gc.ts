import { setTimeout as later } from 'node:timers/promises'
import { parseDuration } from '../contract/duration.ts'
import { isAbort } from '../contract/failure.ts'
import type { Daemon } from './daemon.ts'
import { collectGarbage } from './gc.ts'
import type { Node } from './node.ts'

const PERIOD = '1h'
const PERIOD_MS_MIN = 1_000
const STORAGE_MAX = 10_000_000_000
const WATERMARK_PERCENT = 90
const TIMER_MS_MAX = 2 ** 31 - 1

/** Collects garbage every `Datastore.GCPeriod` when the repo has grown beyond its watermark, until the signal aborts. */
export async function collectWhenLarge(node: Node, daemon: Daemon, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const periodMs = parseDuration(String((await node.repo.config.get('Datastore.GCPeriod')) ?? PERIOD))
      if (periodMs <= 0) return
      await later(Math.min(Math.max(periodMs, PERIOD_MS_MIN), TIMER_MS_MAX), undefined, { signal, ref: false })
      await collectIfLarge(node, daemon, signal)
    } catch (error) {
      if (isAbort(error) || signal.aborted) return
      // What goes wrong once need not go wrong an hour later.
      daemon.log.write('gc', 'error', error instanceof Error ? error.message : String(error))
      await later(PERIOD_MS_MIN, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }
}

async function collectIfLarge(node: Node, daemon: Daemon, signal: AbortSignal): Promise<void> {
  const { config } = node.repo
  const storageMax = parseBytes(await config.get('Datastore.StorageMax')) ?? STORAGE_MAX
  const percent = Number((await config.get('Datastore.StorageGCWatermark')) ?? WATERMARK_PERCENT)
  const { blockBytes } = await node.repo.stat()
  if (blockBytes < (storageMax * percent) / 100) return
  let removed = 0
  for await (const _ of collectGarbage(node.repo, { signal })) removed += 1
  daemon.log.write('gc', 'info', `removed ${removed} blocks`)
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  p: 1e15,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
  pi: 2 ** 50,
}

/** Returns the bytes of a size like `10GB` or `5 GiB`; undefined for another text. */
export function parseBytes(text: unknown): number | undefined {
  const match = /^([\d.]+)\s*([kmgtp]i?)?b?$/i.exec(typeof text === 'string' ? text.trim() : '')
  const unit = UNITS[(match?.[2] ?? '').toLowerCase()]
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit
}
