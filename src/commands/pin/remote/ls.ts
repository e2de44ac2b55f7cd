import { defineCommand } from '../../../contract/command.ts'
import { filterOf, filterOptions, recordOf, remotePins } from './_remote.ts'

export const pinRemoteLs = defineCommand({
  path: 'pin remote ls',
  summary: 'List objects pinned to a remote pinning service',
  description: 'Lists pins that are "pinned" unless --status says otherwise.',
  examples: [
    { line: 'tsipfs pin remote ls --service=mysrv', explains: 'List what the service has pinned.' },
    {
      line: 'tsipfs pin remote ls --service=mysrv --cid=bafy… --status=queued,pinning,pinned,failed',
      explains: 'Show what has become of requests for one CID.',
    },
  ],
  needs: 'repo',
  result: { Status: 'text', Cid: 'cid', Name: 'text' },
  params: filterOptions,
  async *run(input, { node, signal, globals }) {
    const pins = await remotePins(node.repo.config, input.service)
    for await (const pin of pins.list(await filterOf(input), { signal })) yield await recordOf(pin, globals)
  },
  async render(outputs, { out, lineEnd }) {
    const { escapeName, nameText } = await import('../../_escape.ts')
    const named = nameText(lineEnd)
    for await (const { Cid, Status, Name } of outputs) {
      await out.write(`${escapeName(Cid)}\t${Status}\t${named(Name)}\n`)
    }
  },
})
