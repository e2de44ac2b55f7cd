import { Failure } from '../../contract/failure.ts'
import type { Waiting } from '../../repo/roles.ts'
import type { Node } from '../node.ts'
import { newestRecord } from './newest-record.ts'
import { delegatedPublishers, networkFor, type PublishMode, sendRecord } from './publish.ts'
import {
  checkRecord,
  compareRecords,
  type NameRecord,
  parseRecord,
  RECORD_BYTES_MAX,
  sequenceOf,
  targetOf,
} from './record.ts'
import { holdRecord } from './stored-names.ts'

/**
 * Checks a record that has been signed elsewhere, holds it and hands it to the network, as `mode` says. Returns what it
 * points to. Throws `failed`, in Kubo's words.
 */
export async function putRecord(
  node: Pick<Node, 'repo' | 'network' | 'globals' | 'daemon'>,
  name: Uint8Array,
  bytes: Uint8Array,
  options: Waiting & { readonly mode: PublishMode; readonly force: boolean },
): Promise<string> {
  const { mode, force, signal } = options
  if (mode === 'delegated') await delegatedPublishers(node)
  if (bytes.length === 0) throw new Failure('failed', 'record is empty')
  if (bytes.length > RECORD_BYTES_MAX && !force) {
    const limit = `record exceeds maximum size of ${RECORD_BYTES_MAX} bytes`
    throw new Failure('failed', `${limit}, use --force to skip size check`)
  }
  const record = await asFailure('invalid IPNS record', () => parseRecord(bytes))
  await asFailure('record validation failed', () => checkRecord(record, name))
  const network = await networkFor(node, mode, { signal })
  const present = await presentRecord(
    mode === 'network' ? node : { ...node, globals: { ...node.globals, offline: true } },
  )
  if (present !== undefined && !force && sequenceOf(present) >= sequenceOf(record) && !isSame(present, record)) {
    throw new Failure(
      'failed',
      `existing IPNS record has sequence ${sequenceOf(present)} >= new record sequence ${sequenceOf(record)}, use --force to skip this check`,
    )
  }
  if (present !== undefined && compareRecords(present, record) > 0) {
    throw new Failure('failed', "can't replace a newer value with an older value")
  }
  await holdRecord(node.repo.values, name, bytes)
  await sendRecord(node, name, bytes, mode, network, { signal })
  return await targetOf(record)

  async function presentRecord(asked: Parameters<typeof newestRecord>[0]): Promise<NameRecord | undefined> {
    try {
      return await newestRecord(asked, name, { signal })
    } catch (error) {
      if (error instanceof Failure) return undefined
      throw error
    }
  }
}

function isSame(one: NameRecord, other: NameRecord): boolean {
  return Buffer.compare(one.bytes, other.bytes) === 0
}

async function asFailure<T>(prefix: string, act: () => T | Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(error.kind, `${prefix}: ${error.message}`, { cause: error })
  }
}
