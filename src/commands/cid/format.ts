import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argumentList, text } from '../../contract/params.ts'
import { formatted, renderFormatted } from './_formatted.ts'

const DAG_PB = 0x70

export const cidFormat = defineCommand({
  path: 'cid format',
  summary: 'Convert CIDs, and print them or their parts',
  description:
    'In the format %s is the CID, %S the same without the prefix of its base; %b and %B name and prefix of the base, %v ' +
    'and %V the version (cidv1, 1), %c and %C name and code of the codec, %h and %H of the hash function, %L the length ' +
    'of the digest; %m and %M the multihash, %d and %D the digest, with and without the prefix of the base; %P is ' +
    '%v-%c-%h-%L and %% a per cent sign.',
  examples: [
    { line: 'tsipfs cid format -v 1 -b base36 QmdfTb…', explains: 'Convert to CIDv1 in base36.' },
    { line: "tsipfs cid format -f '%c %h' bafy…", explains: 'Print codec and hash function.' },
  ],
  needs: 'nothing',
  result: { CidStr: 'text', Formatted: 'text', ErrorMsg: 'text' },
  params: {
    cid: argumentList('cid', 'The CIDs to format', { stdin: true, complete: 'cid' }),
    format: text('What to print for each CID', { name: 'f', short: 'f', initial: '%s', placeholder: 'format' }),
    version: text('Version to convert to: 0 or 1', { name: 'v', short: 'v', placeholder: 'version' }),
    codec: text('Multicodec to convert to', { name: 'mc', placeholder: 'codec', complete: 'codec' }),
    base: text('Multibase to write CIDs in', { name: 'b', short: 'b', placeholder: 'base', complete: 'base' }),
  },
  async *run(input) {
    const [{ codecCode }, { baseByName }] = await Promise.all([
      import('../../node/multicodec.ts'),
      import('../../node/multibase.ts'),
    ])
    if (!input.format.includes('%')) {
      throw new Failure('usage', `invalid format string: ${JSON.stringify(input.format)}`)
    }
    // Code 0 is Kubo's sign that no codec was given.
    const codec = nonEmpty(input.codec) === undefined ? undefined : codecCode(input.codec ?? '') || undefined
    const base = nonEmpty(input.base)
    const version = versionOf(input.version, base)
    if (version === 0 && codec !== undefined && codec !== DAG_PB) {
      throw new Failure('usage', 'cannot convert to CIDv0 with any codec other than dag-pb')
    }
    if (version === 0 && base !== undefined && base !== 'base58btc') {
      throw new Failure('usage', 'cannot convert to CIDv0 with any multibase other than the implicit base58btc')
    }
    yield* formatted(input.cid, {
      format: input.format,
      version,
      codec,
      base: base === undefined ? undefined : baseByName(base),
    })
  },
  render: renderFormatted,
})

/** A base other than that of CIDv0 needs CIDv1. */
function versionOf(text: string | undefined, base: string | undefined): 0 | 1 | undefined {
  if (text === undefined || text === '') return base === undefined ? undefined : 1
  if (text === '0') return 0
  if (text === '1') return 1
  throw new Failure('usage', `invalid cid version: ${JSON.stringify(text)}`, { hint: 'choose 0 or 1' })
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
