import { defineCommand } from '../../contract/command.ts'
import { files } from '../../contract/params.ts'

export const filesApply = defineCommand({
  path: 'files apply',
  summary: 'Make many changes to MFS in one step',
  description: `Reads operations, one JSON object a line, and applies them in their order to MFS. All of them count, or none: when one fails, its line is named and MFS stays as it is. Nobody sees anything in between. At most 64 MiB of operations.

Each has an "op" and the fields of the command of that name; what is in brackets may be left out:
  {"op":"mkdir","path":"/a","parents":true,"cidVersion":1,"hash":"sha2-256"}  [parents, cidVersion, hash]
  {"op":"cp","source":"/ipfs/CID","dest":"/a/b","parents":true,"force":true}  [parents, force]
  {"op":"mv","source":"/a","dest":"/b"}
  {"op":"rm","path":"/a","recursive":true,"force":true}  [recursive, force]
  {"op":"write","path":"/a","text":"…","offset":0,"create":true,"parents":true,"truncate":true,"rawLeaves":true,"cidVersion":1,"hash":"…"}  [all but path; "base64" in place of "text" for bytes]
  {"op":"chmod","path":"/a","mode":"0644"}
  {"op":"touch","path":"/a","mtime":1630937926,"mtimeNsecs":0}  [mtime, mtimeNsecs]
  {"op":"chcid","path":"/a","cidVersion":1,"hash":"…"}  [cidVersion, hash]`,
  examples: [
    { line: 'tsipfs files apply < ops.ndjson', explains: 'Apply what is in a file.' },
    {
      line: `echo '{"op":"write","path":"/a/b","text":"x","create":true,"parents":true}' | tsipfs files apply`,
      explains: 'Write a file.',
    },
  ],
  needs: 'repo',
  output: 'value',
  createsRepo: true,
  writes: true,
  result: { Applied: 'int', Cid: 'cid' },
  params: { ops: files('ops', 'Operations, one JSON object a line', { many: false }) },
  async *run(_input, { node, source, globals, signal }) {
    const [{ applyOperations }, { contentOf }, { formatCid }] = await Promise.all([
      import('../../node/mfs/apply.ts'),
      import('../../node/mfs/content.ts'),
      import('../../node/cid.ts'),
    ])
    const { count, root } = await applyOperations(node, contentOf(source), { signal })
    yield { Applied: count, Cid: formatCid(root, globals) }
  },
  async render(outputs, { out }) {
    for await (const { Cid } of outputs) await out.write(`${Cid}\n`)
  },
})
