import { defineCommand } from '../../contract/command.ts'

export const diagSys = defineCommand({
  path: 'diag sys',
  summary: 'Show facts about this machine',
  description: 'Shows disk, memory, network addresses, system and runtime, for reports of bugs.',
  examples: [{ line: 'tsipfs diag sys | jq .diskinfo', explains: 'Show how much space is left.' }],
  needs: 'repo',
  output: 'value',
  result: {
    diskinfo: { free_space: 'int', fstype: 'text', total_space: 'int' },
    environment: { '*': 'text' },
    ipfs_commit: 'text',
    ipfs_version: 'text',
    memory: { '*': 'int' },
    net: { interface_addresses: ['text'], online: 'flag' },
    runtime: { '*': 'any' },
  },
  params: {},
  async *run(_, { node }) {
    const { systemInfo } = await import('../../node/system-info.ts')
    yield await systemInfo(node.repo.path, { online: node.daemon !== undefined && !node.globals.offline })
  },
})
