import { Failure } from '../../contract/failure.ts'
import type { Waiting } from '../../repo/roles.ts'
import { DelegatedRouter } from './delegated-router.ts'

/** Hands a signed record to every URL. Throws `network` when none took it. */
export async function putToPublishers(
  urls: readonly string[],
  name: Uint8Array,
  record: Uint8Array,
  options: Waiting = {},
): Promise<void> {
  const results = await Promise.allSettled(urls.map(url => new DelegatedRouter(url).putRecord(name, record, options)))
  options.signal?.throwIfAborted()
  if (results.some(result => result.status === 'fulfilled')) return
  const reasons = results.map(result =>
    result.status === 'rejected' ? String(result.reason?.message ?? result.reason) : '',
  )
  throw new Failure('network', `no publisher took the record: ${reasons.join('; ')}`)
}
