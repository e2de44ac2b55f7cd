import type { ServerResponse } from 'node:http'
import type { Answer } from './answer.ts'

/** A watch over an answer: each byte that goes out winds it up again. */
export interface Watch {
  progress(): void
}

/** Sends an answer. Bytes are taken from its body as the client takes them: nothing is kept for one that is slow. */
export async function sendAnswer(response: ServerResponse, answer: Answer, watch: Watch): Promise<void> {
  const { body } = answer
  const isHead = response.req.method === 'HEAD'
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body
    writeHead(response, answer, isHead ? undefined : (bytes?.length ?? 0))
    response.end(isHead ? undefined : bytes)
    return
  }
  const pieces = body[Symbol.asyncIterator]()
  try {
    // What fails at its first byte still has a status of its own.
    let next = await pieces.next()
    writeHead(response, answer, undefined)
    for (; next.done !== true; next = await pieces.next()) {
      watch.progress()
      if (response.destroyed) return
      if (!response.write(next.value)) await drained(response, watch)
    }
    response.end()
  } finally {
    await pieces.return?.()
  }
}

function writeHead(response: ServerResponse, { status, headers }: Answer, length: number | undefined): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  const needsLength = length !== undefined && status !== 304 && !response.hasHeader('Content-Length')
  if (needsLength) response.setHeader('Content-Length', length)
  response.writeHead(status)
}

/** A client that takes nothing for as long as content may take to come is left. */
async function drained(response: ServerResponse, watch: Watch): Promise<void> {
  await new Promise<void>(resolve => {
    const finish = (): void => {
      response.off('drain', finish)
      response.off('close', finish)
      resolve()
    }
    response.once('drain', finish)
    response.once('close', finish)
  })
  watch.progress()
}
