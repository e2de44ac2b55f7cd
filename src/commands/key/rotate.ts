import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { int, text } from '../../contract/params.ts'
import { reportsOf } from '../_reports.ts'

interface Rotated {
  readonly Message?: string
  readonly ID?: string
}

export const keyRotate = defineCommand({
  path: 'key rotate',
  summary: 'Give the node a new identity',
  description: 'Makes a new key for the node itself; the old one is kept in the keystore. No daemon may run meanwhile.',
  examples: [{ line: 'tsipfs key rotate --oldkey=before-2026', explains: 'Keep the old key under this name.' }],
  needs: 'repo',
  localOnly: true,
  writes: true,
  result: { 'Message?': 'text', 'ID?': 'text' },
  params: {
    oldkey: text('The name that the old key gets in the keystore', { short: 'o' }),
    type: text('The kind of key: rsa, ed25519 or secp256k1', {
      short: 't',
      initial: 'ed25519',
      offers: ['ed25519', 'rsa', 'secp256k1'],
    }),
    size: int('Bits of an RSA key', { short: 's' }),
  },
  check({ oldkey }) {
    if (oldkey === undefined) {
      throw new Failure('usage', 'keystore name for backing up old key must be provided', {
        hint: 'give --oldkey=NAME',
      })
    }
    if (oldkey === 'self') throw new Failure('usage', "keystore name for back up cannot be named 'self'")
  },
  async *run(input, { node }) {
    const { rotateIdentity } = await import('../../repo/rotate.ts')
    const { oldkey = '' } = input
    yield* reportsOf<Rotated>(async report => {
      const ID = await rotateIdentity(node.repo, oldkey, { ...input, report: Message => report({ Message }) })
      report({ ID })
    })
  },
  async render(outputs, { out }) {
    for await (const { Message } of outputs) if (Message !== undefined) await out.write(Message)
  },
})
