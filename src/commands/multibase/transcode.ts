import { defineCommand } from '../../contract/command.ts'
import { files, text } from '../../contract/params.ts'
import { decodeInput, encodeOutput } from './_text.ts'

export const multibaseTranscode = defineCommand({
  path: 'multibase transcode',
  summary: 'Convert text from one multibase encoding to another',
  examples: [{ line: 'printf uaGVsbG8 | tsipfs multibase transcode -b base16', explains: 'Print f68656c6c6f.' }],
  needs: 'nothing',
  output: 'bytes',
  params: {
    file: files('encoded_file', 'The text to convert', { many: false }),
    base: text('The encoding', { name: 'b', short: 'b', initial: 'base64url', placeholder: 'base', complete: 'base' }),
  },
  async *run(input, { source }) {
    const { baseByName } = await import('../../node/multibase.ts')
    baseByName(input.base)
    yield await encodeOutput(input.base, await decodeInput(source))
  },
})
