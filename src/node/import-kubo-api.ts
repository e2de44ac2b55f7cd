import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import type { Pin } from '../repo/roles.ts'
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
    throw new Failure('failed', `Kubo's daemon refused ${path}: ${(await response.text()).slice(0, 500)}`)
  }
  return {
    async *blocks(signal) {
      let batch: KuboBlock[] = []
      const total = await blockCount(call, signal)
      let done = 0
      const share = (): number => (total > 0 ? Math.min(1, done / total) : 0)
      for await (const { Ref } of linesOf(await call('refs/local', signal))) {
        const cid = CID.parse(String(Ref))
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
      const bytes = new Uint8Array(await response.arrayBuffer())
      if (bytes.length > BLOCK_BYTES_MAX) throw new Failure('failed', `block ${name} has ${bytes.length} bytes`)
      return bytes
    },
    async state(signal) {
      const pins: Pin[] = []
      for (const mode of ['recursive', 'direct'] as const) {
        const response = await call(`pin/ls?type=${mode}&names=true&stream=true`, signal)
        for await (const { Cid, Name } of linesOf(response)) {
          pins.push({ cid: CID.parse(String(Cid)), mode, name: typeof Name === 'string' ? Name : '' })
        }
      }
      const stat = (await (await call('files/stat?arg=/&hash=true', signal)).json()) as { Hash?: unknown }
      return { pins, mfsRoot: CID.parse(String(stat.Hash)), fileBlocks: 0 }
    },
  }
}

async function blockCount(call: (path: string, signal?: AbortSignal) => Promise<Response>, signal?: AbortSignal) {
  const stat = (await (await call('repo/stat', signal)).json()) as { NumObjects?: unknown }
  return typeof stat.NumObjects === 'number' ? stat.NumObjects : 0
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

async function* linesOf(response: Response): AsyncGenerator<Record<string, unknown>> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of response.body ?? []) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = parts.pop() ?? ''
    if (rest.length > LINE_BYTES_MAX) throw new Failure('failed', "Kubo's daemon sent an endless line")
    for (const part of parts) if (part.trim() !== '') yield JSON.parse(part) as Record<string, unknown>
  }
  if (rest.trim() !== '') yield JSON.parse(rest) as Record<string, unknown>
}
