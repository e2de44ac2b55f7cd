import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import type { Waiting } from '../repo/roles.ts'

export interface BoundedRequest extends Waiting {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE' | undefined
  /** `error`: the answer must come from where it was asked. */
  readonly redirect?: 'follow' | 'error' | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: Uint8Array | undefined
  /** More bytes than this in an answer are a failure. */
  readonly bytesMax: number
}

export interface BoundedAnswer {
  readonly status: number
  /** Without parameters, in lower case. */
  readonly mediaType: string
  readonly headers: Headers
  /** The pieces of the body. Leaving the loop early ends the request. Throws when there are too many bytes. */
  body(): AsyncIterable<Uint8Array>
}

/** Sends a request and returns the beginning of the answer, whose body is bounded. Throws `network`. */
export async function requestBounded(url: string, request: BoundedRequest): Promise<BoundedAnswer> {
  let response: Response
  try {
    response = await fetch(url, {
      method: request.method ?? 'GET',
      headers: { ...request.headers },
      body: request.body === undefined ? null : Buffer.from(request.body),
      redirect: request.redirect ?? 'follow',
      signal: request.signal ?? null,
    })
  } catch (error) {
    request.signal?.throwIfAborted()
    throw new Failure('network', `${url}: ${requestProblem(error)}`, { cause: error })
  }
  const { body } = response
  return {
    status: response.status,
    mediaType: (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '',
    headers: response.headers,
    async *body() {
      if (body === null) return
      let total = 0
      for await (const piece of body) {
        total += piece.length
        if (total > request.bytesMax)
          throw new Failure('network', `${url}: the answer is larger than ${request.bytesMax} bytes`)
        yield piece
      }
    },
  }
}

/** Sends a request and returns the whole answer. Throws `network`. */
export async function fetchBounded(
  url: string,
  request: BoundedRequest,
): Promise<Omit<BoundedAnswer, 'body'> & { readonly bytes: Uint8Array }> {
  const { body, ...answer } = await requestBounded(url, request)
  const pieces: Uint8Array[] = []
  try {
    for await (const piece of body()) pieces.push(piece)
  } catch (error) {
    request.signal?.throwIfAborted()
    if (error instanceof Failure) throw error
    throw new Failure('network', `${url}: ${requestProblem(error)}`, { cause: error })
  }
  return { ...answer, bytes: Uint8Array.from(Buffer.concat(pieces)) }
}

/** Returns why a request failed, in a few words; what the system says is the same on every runtime. */
export function requestProblem(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? error.cause : error
  const known = systemFailure(cause, '')
  if (known instanceof Failure) return known.message.replace(/^: /, '')
  return errorCode(cause) === 'ENOTFOUND' ? 'no such host' : cause.message
}
