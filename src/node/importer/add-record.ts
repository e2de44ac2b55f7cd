import type { Globals } from '../../contract/globals.ts'
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
  const { type, mode, mtime } = top
  const { seconds = 0, nanoseconds = 0 } = mtime ?? {}
  stat = {
    ...(mode === undefined ? {} : { Mode: `0${goMode(mode, type).toString(8)}` }),
    ...(seconds === 0 ? {} : { Mtime: seconds }),
    ...(nanoseconds === 0 ? {} : { MtimeNsecs: nanoseconds }),
  }
  stats.set(top, stat)
  return stat
}

/** Returns the mode in the bits of Go's `FileMode`. */
function goMode(mode: number, type: TopEntry['type']): number {
  const kind = type === 'directory' ? 2 ** 31 : type === 'symlink' ? 2 ** 27 : 0
  const special = (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0)
  return kind + special + (mode & 0o777)
}
