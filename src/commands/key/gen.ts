import { defineCommand } from '../../contract/command.ts'
import { argument, flag, int, text } from '../../contract/params.ts'
import { ipnsBase } from './_list.ts'

export const keyGen = defineCommand({
  path: 'key gen',
  summary: 'Make a key',
  description:
    'Makes a key to publish IPNS names with, and prints its id: the name. With --encrypt the key lies encrypted on disk ' +
    '(scrypt, AES-256-GCM); TSIPFS_KEY_PASSPHRASE holds the passphrase, or TSIPFS_KEY_PASSPHRASE_FILE or ' +
    'TSIPFS_KEY_PASSPHRASE_FD says where it is read. It is needed again by whatever uses the key.',
  examples: [
    { line: 'tsipfs key gen my-site', explains: 'Make an ed25519 key.' },
    { line: 'tsipfs key gen --type=rsa --size=4096 old-style', explains: 'Make an RSA key.' },
  ],
  needs: 'repo',
  createsRepo: true,
  writes: true,
  output: 'value',
  result: { Name: 'text', Id: 'text' },
  params: {
    name: argument('name', 'The name of the key'),
    type: text('The kind of key: rsa, ed25519 or secp256k1', {
      short: 't',
      initial: 'ed25519',
      offers: ['ed25519', 'rsa', 'secp256k1'],
    }),
    size: int('Bits of an RSA key', { short: 's' }),
    encrypt: flag('Keep the key encrypted'),
    ipnsBase,
  },
  async *run(input, { node }) {
    const [{ keyRecord, makeKey, refuseSelf }, { checkPeerIdBase }] = await Promise.all([
      import('../../node/named-keys.ts'),
      import('../../node/peer-id.ts'),
    ])
    refuseSelf(input.name, 'create')
    checkPeerIdBase(input.ipnsBase)
    yield keyRecord(input.name, await makeKey(node.repo, input.name, input), input.ipnsBase)
  },
  async render(outputs, { out }) {
    for await (const { Id } of outputs) await out.write(`${Id}\n`)
  },
})
