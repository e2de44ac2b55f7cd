import { defineCommand } from '../../contract/command.ts'
import { files, text } from '../../contract/params.ts'
import { encodeOutput, inputBytes } from './_text.ts'

export const multibaseEncode = defineCommand({
  path: 'multibase encode',
  summary: 'Write bytes in a multibase encoding',
  examples: [
    { line: 'printf hello | tsipfs multibase encode', explains: 'Print uaGVsbG8: hello in base64url.' },
    { line: 'tsipfs multibase encode -b base16 file', explains: 'Print the bytes of a file in hexadecimal.' },
  ],
  needs: 'nothing',
  output: 'bytes',
  params: {
    file: files('file', 'The data to encode', { many: false }),
    base: text('The encoding', { name: 'b', short: 'b', initial: 'base64url', placeholder: 'base', complete: 'base' }),
  },
  async *run(input, { source }) {
    const { baseByName } = await import('../../node/multibase.ts')
    baseByName(input.base)
    yield await encodeOutput(input.base, await inputBytes(source))
  },
})
