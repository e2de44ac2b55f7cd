import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argument } from '../../contract/params.ts'
import type { InspectedCid } from '../../node/cid-format.ts'

const DAG_PB = 0x70
const SHA2_256 = 0x12

export const cidInspect = defineCommand({
  path: 'cid inspect',
  summary: 'Show what a CID is made of',
  description:
    'Shows version, base, codec, hash function and digest of a CID, and the same CID in the other version. A peer id is ' +
    'no CID: the hint names the one that stands for it.',
  examples: [{ line: 'tsipfs cid inspect bafy…', explains: 'Show the parts of a CID.' }],
  needs: 'nothing',
  output: 'value',
  result: {
    cid: 'text',
    version: 'int',
    multibase: { prefix: 'text', name: 'text' },
    multicodec: { code: 'int', name: 'text' },
    multihash: { code: 'int', name: 'text', length: 'int', digest: 'text: hexadecimal' },
    'cidV0?': 'text',
    'cidV1?': 'text',
    'errorMsg?': 'text: why it is no CID',
    '*': 'any',
  },
  params: { cid: argument('cid', 'The CID to inspect', { stdin: true, complete: 'cid' }) },
  async *run(input) {
    const { inspectCid } = await import('../../node/cid-format.ts')
    const result = inspectCid(input.cid)
    yield result
    if (result.errorMsg !== undefined) throw refusal(result.errorMsg)
  },
  async render(outputs, { out }) {
    for await (const result of outputs) {
      if (result.errorMsg !== undefined) throw refusal(result.errorMsg)
      await out.write(`${lines(result).join('\n')}\n`)
    }
  },
})

/** What stands behind the first line is a way out. */
function refusal(text: string): Failure {
  const [message = '', note] = text.split('\nNote: ')
  return new Failure('usage', message, { hint: note?.replace(/\n\s*/, ' ') })
}

function lines({ cid, version, multibase, multicodec, multihash, cidV0, cidV1 }: InspectedCid): string[] {
  const implicit = version === 0 ? ', implicit' : ''
  return [
    `CID:        ${cid}`,
    `Version:    ${version}`,
    `Multibase:  ${multibase.name} (${version === 0 ? 'implicit' : multibase.prefix})`,
    `Multicodec: ${named(multicodec, implicit)}`,
    `Multihash:  ${named(multihash, implicit)}`,
    `  Length:   ${multihash.length} bytes`,
    `  Digest:   ${multihash.digest}`,
    `CIDv0:      ${cidV0 ?? `not possible, requires ${missing(multicodec, multihash)}`}`,
    `CIDv1:      ${cidV1}`,
  ]
}

function missing(codec: InspectedCid['multicodec'], hash: InspectedCid['multihash']): string {
  if (codec.code !== DAG_PB) return `dag-pb (0x70), got ${named(codec)}`
  if (hash.code !== SHA2_256) return `sha2-256 (0x12), got ${named(hash)}`
  return `32-byte digest, got ${hash.length}`
}

function named({ name, code }: { readonly name: string; readonly code: number }, more = ''): string {
  return `${name} (0x${code.toString(16)}${more})`
}
