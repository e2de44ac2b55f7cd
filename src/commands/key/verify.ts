import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { files, text } from '../../contract/params.ts'
import { ipnsBase } from './_list.ts'

const DATA_BYTES_MAX = 64 * 1024 * 1024

export const keyVerify = defineCommand({
  path: 'key verify',
  summary: 'Verify what key sign has signed',
  description:
    'The key is one of the repo, a peer id or an IPNS name. The answer is one line of JSON, whose SignatureValid tells; ' +
    'the status is 0 either way, as in Kubo.',
  examples: [
    { line: 'tsipfs key verify --key=k51… --signature=u… message.txt', explains: 'Verify the signature of a file.' },
  ],
  needs: 'repo',
  output: 'value',
  experimental: true,
  result: { Key: { Name: 'text', Id: 'text' }, SignatureValid: 'flag' },
  params: {
    data: files('data', 'The data that was signed', { many: false }),
    key: text('The key that has signed; the identity of the node unless given', { short: 'k', complete: 'key' }),
    signature: text('The signature, in multibase', { short: 's' }),
    ipnsBase,
  },
  async *run(input, { node, source }) {
    const [{ fileBytes }, { keyRecord, verifyData }, { checkPeerIdBase }, { decodeMultibase }] = await Promise.all([
      import('../../node/file-bytes.ts'),
      import('../../node/named-keys.ts'),
      import('../../node/peer-id.ts'),
      import('../../node/multibase.ts'),
    ])
    checkPeerIdBase(input.ipnsBase)
    const signature = decoded(decodeMultibase, input.signature ?? '')
    const asked = input.key === undefined || input.key === '' ? 'self' : input.key
    const { name, publicKey, isValid } = await verifyData(
      node.repo,
      asked,
      await fileBytes(source, DATA_BYTES_MAX),
      signature,
    )
    yield { Key: keyRecord(name, { publicKey }, input.ipnsBase), SignatureValid: isValid }
  },
})

function decoded(decode: (text: string) => { bytes: Uint8Array }, text: string): Uint8Array {
  try {
    return decode(text).bytes
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Failure('usage', `invalid signature: ${reason}`, { cause: error })
  }
}
