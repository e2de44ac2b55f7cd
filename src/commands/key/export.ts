import { defineCommand } from '../../contract/command.ts'
import { argument, text } from '../../contract/params.ts'
import { keyFormat } from './_format.ts'

export const keyExport = defineCommand({
  path: 'key export',
  summary: 'Export a key to a file',
  description:
    'Writes a private key to NAME.key (or NAME.pem) in the working folder, or to --output; - is standard output. The ' +
    'file may be read by its owner only. A key that is encrypted in the repo is not encrypted in the file.',
  examples: [
    { line: 'tsipfs key export my-site', explains: 'Write my-site.key.' },
    { line: 'tsipfs key export my-site -f pem-pkcs8-cleartext -o key.pem', explains: 'Write PKCS #8 in PEM.' },
  ],
  needs: 'repo',
  localOnly: true,
  output: 'bytes',
  params: {
    name: argument('name', 'The key to export', { stdin: true, complete: 'key' }),
    output: text('The file to write', { short: 'o', complete: 'file', caller: true }),
    format: text('Form of the key: libp2p-protobuf-cleartext or pem-pkcs8-cleartext', {
      short: 'f',
      initial: 'libp2p-protobuf-cleartext',
      offers: ['libp2p-protobuf-cleartext', 'pem-pkcs8-cleartext'],
    }),
  },
  check(input) {
    keyFormat(input.format, 'export')
  },
  async *run(input, { node }) {
    const { exportKey } = await import('../../node/named-keys.ts')
    yield await exportKey(node.repo, input.name, keyFormat(input.format, 'export'))
  },
  async render(outputs, { input, out, io }) {
    const [{ resolve }, { systemFailure }] = await Promise.all([
      import('node:path'),
      import('../../contract/failure.ts'),
    ])
    const path = input.output ?? defaultPath(input.name, input.format)
    for await (const bytes of outputs) {
      if (path === '-') await out.write(bytes)
      else {
        await writeSecret(resolve(io.cwd, path), bytes).catch((error: unknown) => {
          throw systemFailure(error, path)
        })
      }
    }
  },
})

/** Writes a file that only its owner may read, whatever was there before. */
async function writeSecret(path: string, bytes: Uint8Array): Promise<void> {
  const { open } = await import('node:fs/promises')
  await using file = await open(path, 'w', 0o600)
  if ((await file.stat()).isFile()) await file.chmod(0o600)
  await file.writeFile(bytes)
}

/** The name is one of a file here, not a way to another folder. */
function defaultPath(name: string, format: string): string {
  const extension = format === 'pem-pkcs8-cleartext' ? 'pem' : 'key'
  return `${name}.${extension}`.replace(/\/+$/, '').split('/').at(-1) ?? ''
}
