import { defineCommand } from '../../contract/command.ts'
import { files, text } from '../../contract/params.ts'
import { ipnsBase } from './_list.ts'

const DATA_BYTES_MAX = 64 * 1024 * 1024

export const keySign = defineCommand({
  path: 'key sign',
  summary: 'Sign data with a key',
  description:
    'Proves that one has the private half of a key. "libp2p-key signed message:" is put before the data, so that nothing ' +
    'is signed that means something elsewhere. The answer is one line of JSON.',
  examples: [{ line: 'tsipfs key sign --key=my-site message.txt', explains: 'Sign a file.' }],
  needs: 'repo',
  output: 'value',
  experimental: true,
  result: { Key: { Name: 'text', Id: 'text' }, Signature: 'text: multibase' },
  params: {
    data: files('data', 'The data to sign', { many: false }),
    key: text('The key to sign with; the identity of the node unless given', { short: 'k', complete: 'key' }),
    ipnsBase,
  },
  async *run(input, { node, source }) {
    const [{ fileBytes }, { keyRecord, signData }, { checkPeerIdBase }, multibase] = await Promise.all([
      import('../../node/file-bytes.ts'),
      import('../../node/named-keys.ts'),
      import('../../node/peer-id.ts'),
      import('../../node/multibase.ts'),
    ])
    checkPeerIdBase(input.ipnsBase)
    const name = input.key === undefined || input.key === '' ? 'self' : input.key
    const { key, signature } = await signData(node.repo, name, await fileBytes(source, DATA_BYTES_MAX))
    yield {
      Key: keyRecord(name, key, input.ipnsBase),
      Signature: multibase.encodeMultibase(multibase.baseByName('base64url'), signature),
    }
  },
})
