import type { Values } from '../repo/roles.ts'
import { PROVIDE_QUEUE_KEY } from './provide-queue.ts'

/** Forgets what waits to be provided; returns how many roots. */
export async function clearQueue(values: Pick<Values, 'list' | 'batch'>): Promise<number> {
  const changes = new Map<string, undefined>()
  for await (const { key } of values.list(PROVIDE_QUEUE_KEY)) changes.set(key, undefined)
  if (changes.size > 0) await values.batch(changes)
  return changes.size
}
