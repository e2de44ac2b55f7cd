import { defineCommand } from '../../contract/command.ts'
import { argument, files, flag, text } from '../../contract/params.ts'
import { ipnsBase } from './_list.ts'

const KEY_BYTES_MAX = 64 * 1024

export const keyImport = defineCommand({
  path: 'key import',
  summary: 'Import a key',
  description:
    'Stores a key that key export has written, or one from elsewhere as PKCS #8 in PEM, and prints its id. With ' +
    '--encrypt it lies encrypted on disk: see key gen.',
  examples: [
    { line: 'tsipfs key import my-site my-site.key', explains: 'Import what key export has written.' },
    {
      line: 'openssl genpkey -algorithm ed25519 | tsipfs key import -f pem-pkcs8-cleartext my-site -',
      explains: 'Import a key that OpenSSL has made.',
    },
  ],
  needs: 'repo',
  createsRepo: true,
  writes: true,
  output: 'value',
  result: { Name: 'text', Id: 'text' },
  params: {
    name: argument('name', 'The name that the key gets'),
    key: files('key', 'The file with the key; - is standard input', { many: false, stdin: false }),
    format: text('Form of the key: libp2p-protobuf-cleartext or pem-pkcs8-cleartext', {
      short: 'f',
      initial: 'libp2p-protobuf-cleartext',
      offers: ['libp2p-protobuf-cleartext', 'pem-pkcs8-cleartext'],
    }),
    allowAnyKeyType: flag('Import kinds of key too that key gen does not make'),
    encrypt: flag('Keep the key encrypted'),
    ipnsBase,
  },
  async *run(input, { node, source }) {
    const [{ fileBytes }, { importKey, keyRecord, refuseSelf }, { checkPeerIdBase }, { keyFormat }] = await Promise.all(
      [
        import('../../node/file-bytes.ts'),
        import('../../node/named-keys.ts'),
        import('../../node/peer-id.ts'),
        import('./_format.ts'),
      ],
    )
    refuseSelf(input.name, 'import')
    checkPeerIdBase(input.ipnsBase)
    const format = keyFormat(input.format, 'import')
    const options = { format, anyType: input.allowAnyKeyType, encrypt: input.encrypt }
    const key = await importKey(node.repo, input.name, await fileBytes(source, KEY_BYTES_MAX), options)
    yield keyRecord(input.name, key, input.ipnsBase)
  },
  async render(outputs, { out }) {
    for await (const { Id } of outputs) await out.write(`${Id}\n`)
  },
})
