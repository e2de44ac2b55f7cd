import { Failure, type FailureKind, isAbort } from '../contract/failure.ts'
import { type Answer, escapeHtml, GatewayError, textAnswer } from './answer.ts'

const STATUS_BY_KIND: Partial<Record<FailureKind, number>> = {
  usage: 400,
  'not-found': 404,
  timeout: 504,
  network: 502,
  interrupted: 503,
  terminated: 503,
}
const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  406: 'Not Acceptable',
  410: 'Gone',
  412: 'Precondition Failed',
  422: 'Unprocessable Entity',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

/** Returns what was thrown as the client is told of it. Undefined for a bug. */
export function gatewayError(error: unknown): GatewayError | undefined {
  if (error instanceof GatewayError) return error
  if (isAbort(error)) return new GatewayError(504, 'Unable to retrieve content within timeout period')
  if (!(error instanceof Failure) || error.kind === 'bug') return undefined
  return new GatewayError(STATUS_BY_KIND[error.kind] ?? 500, error.message)
}

/** Returns the error with the path that could not be followed in front of its message. */
export function unresolvedError(path: string, error: unknown): unknown {
  const known = gatewayError(error)
  if (known === undefined || (error instanceof GatewayError && !error.isUnresolved)) return error
  const shown = path.replace(/[^\x20-\x7e]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return new GatewayError(known.status, `failed to resolve ${shown}: ${known.message}`, known.headers)
}

/** Returns the answer that tells of an error: a short page for browsers, else a line of text. */
export function errorAnswer(error: GatewayError, wantsHtml: boolean): Answer {
  if (!wantsHtml) return textAnswer(error.status, error.message, error.headers)
  const title = `${error.status} ${STATUS_TEXT[error.status] ?? 'Error'}`
  return {
    status: error.status,
    headers: { ...error.headers, 'Content-Type': 'text/html' },
    body: `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title></head>
<body>
<h1>${title}</h1>
<pre style="white-space:pre-wrap;overflow-wrap:anywhere">${escapeHtml(error.message)}</pre>
</body>
</html>
`,
  }
}
