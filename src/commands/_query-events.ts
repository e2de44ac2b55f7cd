import { flag } from '../contract/params.ts'
import { maybe } from '../contract/shape.ts'
import type { QueryEvent } from '../node/network/network.ts'

/** A query event as Kubo sends it. */
export interface QueryRecord {
  readonly ID: string
  readonly Type: number
  readonly Responses: readonly { readonly ID: string; readonly Addrs: readonly string[] }[] | null
  readonly Extra: string
}

/** The shape of it. */
export const QUERY_SHAPE = {
  ID: 'text',
  Type: 'int: 1 a peer answered, 2 the last peer, 3 an error, 4 a provider, 5 a value, 6 a peer is added, 7 a peer is dialled',
  Responses: maybe([{ ID: 'text', Addrs: maybe(['text']) }]),
  Extra: 'text',
} as const

export const verboseOption = flag('Print the steps of the search', { short: 'v' })

export const SENDING_QUERY = 0
export const PEER_RESPONSE = 1
export const FINAL_PEER = 2
export const QUERY_ERROR = 3
export const PROVIDER = 4
export const VALUE = 5
const ADDING_PEER = 6
const DIALING_PEER = 7

/** Returns an event in Kubo's form. */
export function queryRecord(event: QueryEvent): QueryRecord {
  const responses = event.responses?.map(({ peer, addresses }) => ({ ID: peer, Addrs: addresses }))
  return { Extra: event.extra ?? '', ID: event.peer, Responses: responses ?? null, Type: event.type }
}

/**
 * Yields the events of a piece of work while it goes on, then throws what it threw. `work` hands events on by calling
 * `tell`; it is stopped when nobody reads any more.
 */
export async function* queryRecords(
  work: (tell: (event: QueryEvent) => void, stop: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): AsyncIterable<QueryRecord> {
  const leaving = new AbortController()
  const waiting: QueryEvent[] = []
  let wake = Promise.withResolvers<void>()
  let isDone = false
  const tell = (event: QueryEvent): void => {
    waiting.push(event)
    wake.resolve()
  }
  const done = work(tell, AbortSignal.any([signal, leaving.signal])).finally(() => {
    isDone = true
    wake.resolve()
  })
  // Whoever awaits `done` below sees its failure; this keeps it from being called unhandled before.
  done.catch(() => undefined)
  try {
    while (!isDone || waiting.length > 0) {
      const event = waiting.shift()
      if (event !== undefined) yield queryRecord(event)
      else {
        await wake.promise
        wake = Promise.withResolvers()
      }
    }
    await done
  } finally {
    leaving.abort(new DOMException('nobody reads any more', 'AbortError'))
  }
}

/** Returns the line that tells an event with --verbose, as Kubo writes it; undefined for one that is not told. */
export function verboseText(event: QueryRecord): string | undefined {
  switch (event.Type) {
    case SENDING_QUERY:
      return `* querying ${event.ID}\n`
    case PEER_RESPONSE:
      return `* ${event.ID} says use ${(event.Responses ?? []).map(({ ID }) => `${ID} `).join('')}\n`
    case QUERY_ERROR:
      return `error: ${event.Extra}\n`
    case VALUE:
      return `got value: '${event.Extra}'\n`
    case DIALING_PEER:
      return `dialing peer: ${event.ID}\n`
    case ADDING_PEER:
      return `adding peer to query: ${event.ID}\n`
    default:
      return undefined
  }
}

/** Returns the time as Kubo writes it before each event: `15:04:05.000: `. */
export function stamp(now = new Date()): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const clock = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(':')
  return `${clock}.${String(now.getMilliseconds()).padStart(3, '0')}: `
}
