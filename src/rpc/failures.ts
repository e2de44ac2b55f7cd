import { EXIT_STATUS, Failure, type FailureRecord, failureFromRecord, failureToRecord } from '../contract/failure.ts'
import { percentDecodeBytes, percentEncode } from './query.ts'

const MESSAGE_CHARACTERS_MAX = 4_096
/** Clients give all headers together a few kilobytes. */
const DATA_CHARACTERS_MAX = 1_024
const decoder = new TextDecoder()

/**
 * Returns the record that answers a call which failed. As with Kubo what a command refuses is an ordinary failure (500,
 * Code 0), but for a few that say that it was the client's mistake (400, Code 1); `kind` says what it was.
 */
export function answerRecord(failure: Failure): FailureRecord {
  return { ...failureToRecord(failure), Code: failure.badRequest ? 1 : 0 }
}

/** Returns the trailers that tell of a failure after output began: Kubo's message, and our record. */
export function failureToTrailers(failure: Failure): { error: string; failure: string } {
  const message = failure.message.slice(0, MESSAGE_CHARACTERS_MAX)
  const { data, ...rest } = { ...answerRecord(failure), Message: message }
  const isSmall = data !== undefined && JSON.stringify(data).length <= DATA_CHARACTERS_MAX
  const record = isSmall ? { ...rest, data } : rest
  // A trailer is one line of Latin-1.
  return { error: message.replace(/[^\x20-\x7e\xa0-\xff]+/g, ' '), failure: percentEncode(JSON.stringify(record)) }
}

/** Returns the failure that trailers tell of; undefined when they tell of none. */
export function failureFromTrailers(error: string | undefined, record: string | undefined): Failure | undefined {
  const bytes = record === undefined ? undefined : percentDecodeBytes(record)
  const parsed = bytes === undefined ? undefined : parseRecord(decoder.decode(bytes))
  if (parsed !== undefined) return parsed
  return error === undefined || error === '' ? undefined : foreignFailure(error, 0)
}

/** Returns the failure that a body stands for; undefined when it is no record of one. */
export function parseRecord(text: string): Failure | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isFailureRecord(value) ? failureOf(value) : undefined
  } catch {
    // Not JSON: the caller knows what else it may be.
    return undefined
  }
}

/** Returns true for the record of a failure. */
export function isFailureRecord(value: unknown): value is FailureRecord {
  if (typeof value !== 'object' || value === null) return false
  return 'Type' in value && value.Type === 'error' && 'Message' in value && typeof value.Message === 'string'
}

/** Returns the failure of a record, whoever wrote it. */
export function failureOf(record: FailureRecord): Failure {
  if (record.kind === undefined || !Object.hasOwn(EXIT_STATUS, record.kind)) {
    return foreignFailure(record.Message, record.Code)
  }
  const { hint, data } = record
  return failureFromRecord({
    ...record,
    hint: typeof hint === 'string' ? hint : undefined,
    data: typeof data === 'object' && data !== null ? data : undefined,
  })
}

/** A node that knows no kinds: its code tells a client's mistake, two fixed phrases of Go a time-out. */
function foreignFailure(message: string, code: number): Failure {
  if (/context deadline exceeded|request timed out/.test(message)) return new Failure('timeout', message)
  return new Failure(code === 1 ? 'usage' : 'failed', message)
}
