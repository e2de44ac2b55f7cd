import { Failure } from '../../contract/failure.ts'
import type { Waiting } from '../../repo/roles.ts'
import { type NamingNode, searchRecords } from '../naming.ts'
import { formatName } from './name.ts'
import type { NameRecord } from './record.ts'

/** Returns the newest valid record of a name that is here or that others have. Throws `not-found`. */
export async function newestRecord(node: NamingNode, name: Uint8Array, options: Waiting = {}): Promise<NameRecord> {
  let newest: NameRecord | undefined
  for await (const record of searchRecords(node, name, { ...options, nocache: true })) newest = record
  if (newest !== undefined) return newest
  throw new Failure('not-found', `routing: not found: /ipns/${formatName(name)}`, {
    hint: node.globals?.offline === true ? 'leave out --offline to ask the network' : undefined,
    data: { name: formatName(name) },
  })
}
