import { defineCommand } from '../../../contract/command.ts'
import { argument, flag } from '../../../contract/params.ts'

export const diagDatastoreGet = defineCommand({
  path: 'diag datastore get',
  summary: 'Print what is stored at a key',
  description: 'For debugging only. Below /blocks/ the key is the multihash of a block in base32.',
  examples: [{ line: 'tsipfs diag datastore get --hex /local/filesroot', explains: 'Look at the root of MFS.' }],
  needs: 'repo',
  localOnly: true,
  experimental: true,
  output: 'value',
  result: { key: 'text', value: 'base64', 'hex_dump?': 'text' },
  params: {
    key: argument('key', 'The key to read, like /local/filesroot'),
    hex: flag('Print the bytes in hexadecimal'),
  },
  async *run(input, { node, signal }): AsyncIterable<{ key: string; value: string; hex_dump?: string }> {
    const { hexDump, readKey } = await import('../../../node/datastore-view.ts')
    const bytes = await readKey(node.repo, input.key, { signal })
    const value = Buffer.from(bytes).toString('base64')
    yield { key: input.key, value, ...(input.hex ? { hex_dump: hexDump(bytes) } : {}) }
  },
  async render(outputs, { out }) {
    for await (const { key, value, hex_dump: dump } of outputs) {
      if (dump === undefined) await out.write(Buffer.from(value, 'base64'))
      else await out.write(`Key: ${key}\nHex Dump:\n${dump}`)
    }
  },
})
