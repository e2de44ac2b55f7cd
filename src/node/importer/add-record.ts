import type { Globals } from '../../contract/globals.ts'
import { goMode } from '../../contract/go-mode.ts'
import { formatCid } from '../cid.ts'
import type { AddEvent } from './add.ts'
import type { TopEntry } from './import-tree.ts'

/** Kubo's RPC value of an event of `add`; `Total`, the size of the file, and `Car` are ours. */
export interface AddRecord {
  readonly Name: string
  readonly Hash?: string
  /** How far a file is, and its size, when it is known. */
  readonly Bytes?: number
  readonly Total?: number
  /** The cumulative size of its DAG. */
  readonly Size?: string
  readonly Mode?: string
  readonly Mtime?: number
  readonly MtimeNsecs?: number
  /** Bytes of the CAR of what was added; in base64 once they have travelled. */
  readonly Car?: string | CarBytes
}

/** Bytes that become base64 only when they travel as JSON. */
export class CarBytes {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  toJSON(): string {
    const { buffer, byteOffset, length } = this.bytes
    return Buffer.from(buffer, byteOffset, length).toString('base64')
  }
}

/** Returns the record of an event. As in Kubo, mode and time are those of what the caller named. */
export function addRecord(event: AddEvent, globals: Globals): AddRecord {
  if ('car' in event) {
    return { Name: '', Car: new CarBytes(event.car) }
  }
  const { name, top } = event
  const stat = statOf(top)
  if ('bytes' in event) {
    const { bytes, total } = event
    return {
      Name: name,
      ...(bytes === 0 ? {} : { Bytes: bytes }),
      ...(total === undefined ? {} : { Total: total }),
      ...stat,
    }
  }
  return { Name: name, Hash: formatCid(event.cid, globals), Size: String(event.size), ...stat }
}

type RecordStat = Pick<AddRecord, 'Mode' | 'Mtime' | 'MtimeNsecs'>

/** All that lies in what the caller named shares this. */
const stats = new WeakMap<TopEntry, RecordStat>()

function statOf(top: TopEntry): RecordStat {
  let stat = stats.get(top)
  if (stat !== undefined) return stat
  const { type, mode, mtime, sentMode } = top
  const { seconds = 0, nanoseconds = 0 } = mtime ?? {}
  stat = {
    ...(mode === undefined ? {} : { Mode: `0${(sentMode ?? goMode(mode, type)).toString(8)}` }),
    ...(seconds === 0 ? {} : { Mtime: seconds }),
    ...(nanoseconds === 0 ? {} : { MtimeNsecs: nanoseconds }),
  }
  stats.set(top, stat)
  return stat
}
