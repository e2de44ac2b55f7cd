import { setTimeout as later } from 'node:timers/promises'
import { formatDuration } from '../../contract/duration.ts'
import { Failure } from '../../contract/failure.ts'
import { peerIdBytes } from '../../repo/keys.ts'
import type { Config, Repo, Waiting } from '../../repo/roles.ts'
import { durationAt } from '../network/settings.ts'
import { allKeys } from './keys.ts'
import { formatName } from './name.ts'
import { LIFETIME_DEFAULT_MS } from './publish.ts'
import { createRecord, parseRecord, sequenceOf, signatureType, targetOf, ttlOf, validUntil } from './record.ts'
import { publishedKey, publishedRecord } from './stored-names.ts'

const PERIOD_DEFAULT_MS = 4 * 3_600_000
const PERIOD_MIN_MS = 60_000
const PERIOD_MAX_MS = 24 * 3_600_000
const FIRST_DELAY_MS = 60_000
const RETRY_DELAY_MS = 5 * 60_000

export interface Republishing extends Waiting {
  readonly repo: Pick<Repo, 'values' | 'config' | 'keystore'>
  /** Hands a record to others. */
  readonly put: (name: Uint8Array, record: Uint8Array, options: Waiting) => Promise<void>
  readonly log: (text: string) => void
}

/** Returns `Ipns.RepublishPeriod` and `Ipns.RecordLifetime` in milliseconds. Throws `failed`, in Kubo's words. */
export function republishTimes(config: Config): { readonly periodMs: number; readonly lifetimeMs: number } {
  const periodMs = durationAt(config, 'Ipns.RepublishPeriod', PERIOD_DEFAULT_MS)
  const lifetimeMs = durationAt(config, 'Ipns.RecordLifetime', LIFETIME_DEFAULT_MS)
  const [period, lifetime] = [formatDuration(periodMs), formatDuration(lifetimeMs)]
  if (periodMs < PERIOD_MIN_MS || periodMs > PERIOD_MAX_MS) {
    throw new Failure('failed', `config setting IPNS.RepublishPeriod is not between 1min and 1day: ${period}`)
  }
  if (lifetimeMs < periodMs) {
    throw new Failure(
      'failed',
      `config setting IPNS.RecordLifetime (${lifetime}) must be >= IPNS.RepublishPeriod (${period}), otherwise records expire before they are republished`,
    )
  }
  return { periodMs, lifetimeMs }
}

/** Publishes what the keys of the repo have published again and again, until the signal aborts. */
export async function republishForever(republishing: Republishing): Promise<void> {
  const { signal } = republishing
  const { periodMs, lifetimeMs } = republishTimes(await republishing.repo.config.read())
  let delayMs = Math.min(FIRST_DELAY_MS, periodMs)
  for (;;) {
    try {
      await later(delayMs, undefined, { signal, ref: false })
    } catch {
      return
    }
    delayMs = (await republishOnce(republishing, lifetimeMs)) ? periodMs : Math.min(RETRY_DELAY_MS, periodMs)
  }
}

/** Signs each record that the keys of the repo have published anew and hands it on. Returns false when one failed. */
export async function republishOnce(republishing: Republishing, lifetimeMs: number): Promise<boolean> {
  const { repo, signal } = republishing
  let isWell = true
  for await (const { key } of allKeys(repo)) {
    if (signal?.aborted === true) return false
    const name = peerIdBytes(key.publicKey)
    try {
      const stored = await publishedRecord(repo.values, name)
      if (stored === undefined) continue
      const before = parseRecord(stored)
      const record = await createRecord(key, {
        value: await targetOf(before),
        sequence: sequenceOf(before),
        validUntilMs: Math.max(Date.now() + lifetimeMs, Number(validUntil(before) / 1_000_000n)),
        ttlMs: Number(ttlOf(before) ?? 0n) / 1e6,
        v1compat: signatureType(before) !== 'V2',
      })
      // Whoever published in between has handed on a newer one.
      if (!(await repo.values.compareAndSwap(publishedKey(name), stored, record.bytes))) continue
      await republishing.put(name, record.bytes, { signal })
    } catch (error) {
      isWell = false
      republishing.log(`${formatName(name)} was not republished: ${error instanceof Error ? error.message : error}`)
    }
  }
  return isWell
}
