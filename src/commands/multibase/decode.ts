import { defineCommand } from '../../contract/command.ts'
import { files } from '../../contract/params.ts'
import { decodeInput } from './_text.ts'

export const multibaseDecode = defineCommand({
  path: 'multibase decode',
  summary: 'Read bytes from text in a multibase encoding',
  description: 'The text is taken as it is: a newline at its end is no part of any encoding.',
  examples: [{ line: 'printf uaGVsbG8 | tsipfs multibase decode', explains: 'Print hello.' }],
  needs: 'nothing',
  output: 'bytes',
  params: { file: files('encoded_file', 'The text to decode', { many: false }) },
  async *run(_, { source }) {
    yield await decodeInput(source)
  },
})
