import { defineCommand } from '../../contract/command.ts'
import { argument } from '../../contract/params.ts'

export const repoBackup = defineCommand({
  path: 'repo backup',
  summary: 'Copy the repo to another folder',
  description:
    'Copies the repo, as it is at one moment, while other commands go on. Packs are linked where the file system can do ' +
    'that, so that a backup on the same disk takes next to no space, and copied elsewhere. The copy is a repo of its own, ' +
    'with the same identity and keys: treat it as a secret.',
  examples: [{ line: 'tsipfs repo backup /mnt/backup/ipfs', explains: 'Copy the repo to another disk.' }],
  needs: 'repo',
  localOnly: true,
  output: 'value',
  result: { Path: 'text', Packs: 'int', Copied: 'int', Bytes: 'int' },
  params: { folder: argument('folder', 'An empty folder, or one that is not there yet', { complete: 'folder' }) },
  async *run(input, { node, globals, signal }) {
    const { backupRepo } = await import('../../repo/backup.ts')
    const report = await backupRepo(node.repo.path, input.folder, { lockTimeoutMs: globals.lockTimeoutMs, signal })
    yield { Path: report.path, Packs: report.packs, Copied: report.copied, Bytes: report.bytes }
  },
  async render(outputs, { out }) {
    for await (const { Path, Packs, Bytes } of outputs) await out.write(`${Path}: ${Packs} packs, ${Bytes} bytes\n`)
  },
})
