import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import type { Pin } from '../repo/roles.ts'
import { parseCid } from './cid.ts'
import type { KuboBlock, KuboSource } from './import-kubo-source.ts'

const BATCH_BLOCKS = 1024
const LINE_BYTES_MAX = 1024 * 1024
const BLOCK_BYTES_MAX = 64 * 1024 * 1024

/**
 * Returns a repo that its own daemon reads for us: for datastores whose files only Kubo reads. Throws `needs-daemon`
 * when none runs.
 */
export async function apiSource(repo: string, datastore: string): Promise<KuboSource> {
  const base = await apiOf(repo, datastore)
  const call = async (path: string, signal?: AbortSignal): Promise<Response> => {
    let response: Response
    try {
      response = await fetch(`${base}/api/v0/${path}`, { method: 'POST', ...(signal === undefined ? {} : { signal }) })
    } catch (error) {
      signal?.throwIfAborted()
      throw noDaemon(repo, datastore, error)
    }
    if (response.ok) return response
    const text = await whole(response.text(), signal)
    throw new Failure('failed', `Kubo's daemon refused ${path}: ${text.slice(0, 500)}`, {
      hint: response.status === 403 ? 'its API.Authorizations must allow it' : undefined,
    })
  }
  /** Returns the body of an answer. The daemon may end in the middle of it. */
  const whole = async <T>(body: Promise<T>, signal?: AbortSignal): Promise<T> => {
    try {
      return await body
    } catch (error) {
      signal?.throwIfAborted()
      throw error instanceof Failure ? error : noDaemon(repo, datastore, error)
    }
  }
  async function* linesOf(response: Response, signal?: AbortSignal): AsyncGenerator<Record<string, unknown>> {
    const lines = eachLine(response)
    try {
      for (;;) {
        const next = await whole(lines.next(), signal)
        if (next.done === true) return
        yield objectOf(next.value)
      }
    } finally {
      await lines.return()
    }
  }
  return {
    async *blocks(signal) {
      let batch: KuboBlock[] = []
      const { NumObjects } = objectOf(await whole((await call('repo/stat', signal)).text(), signal))
      const total = typeof NumObjects === 'number' ? NumObjects : 0
      let done = 0
      const share = (): number => (total > 0 ? Math.min(1, done / total) : 0)
      for await (const { Ref } of linesOf(await call('refs/local', signal), signal)) {
        const cid = parseCid(String(Ref))
        batch.push({ cid: CID.createV1(0x70, cid.multihash), name: String(Ref) })
        done += 1
        if (batch.length < BATCH_BLOCKS) continue
        yield { batch, share: share() }
        batch = []
      }
      if (batch.length > 0) yield { batch, share: 1 }
    },
    async read({ name }) {
      const response = await call(`block/get?offline=true&arg=${name}`)
      const bytes = new Uint8Array(await whole(response.arrayBuffer()))
      if (bytes.length > BLOCK_BYTES_MAX) throw new Failure('failed', `block ${name} has ${bytes.length} bytes`)
      return bytes
    },
    async state(signal) {
      const pins: Pin[] = []
      for (const mode of ['recursive', 'direct'] as const) {
        const response = await call(`pin/ls?type=${mode}&names=true&stream=true`, signal)
        for await (const { Cid, Name } of linesOf(response, signal)) {
          pins.push({ cid: parseCid(String(Cid)), mode, name: typeof Name === 'string' ? Name : '' })
        }
      }
      const { Hash } = objectOf(await whole((await call('files/stat?arg=/&hash=true', signal)).text(), signal))
      return { pins, mfsRoot: parseCid(String(Hash)), fileBlocks: 0 }
    },
  }
}

/** Returns the address of the daemon that has the repo open, as `http://host:port`. */
async function apiOf(repo: string, datastore: string): Promise<string> {
  let text: string
  try {
    text = (await readFile(join(repo, 'api'), 'utf8')).trim()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw noDaemon(repo, datastore, error)
    throw systemFailure(error, join(repo, 'api'))
  }
  const match = /^\/(ip4|ip6|dns[46]?)\/([^/]+)\/tcp\/(\d+)/.exec(text)
  if (match === null) throw new Failure('failed', `cannot speak to Kubo's daemon at ${text}`)
  return `http://${match[1] === 'ip6' ? `[${match[2]}]` : match[2]}:${match[3]}`
}

function noDaemon(repo: string, datastore: string, cause: unknown): Failure {
  return new Failure(
    'needs-daemon',
    `only Kubo reads the datastore of ${repo} (${datastore}), and its daemon does not run`,
    {
      hint: `start it: IPFS_PATH=${repo} ipfs daemon --offline`,
      cause,
    },
  )
}

/** Returns the object of an answer, or of a line of one. */
function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return { ...value }
  } catch (error) {
    throw new Failure('failed', "Kubo's daemon sent what is no JSON", { cause: error })
  }
  throw new Failure('failed', "Kubo's daemon sent what is no object of JSON")
}

async function* eachLine(response: Response): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of response.body ?? []) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    if (rest.length > LINE_BYTES_MAX) throw new Failure('failed', "Kubo's daemon sent an endless line")
    for (const part of parts) if (part.trim() !== '') yield part
  }
  if (rest.trim() !== '') yield rest
}
