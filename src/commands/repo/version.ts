import { defineCommand } from '../../contract/command.ts'
import { flag } from '../../contract/params.ts'

export const repoVersion = defineCommand({
  path: 'repo version',
  summary: 'Show the version of the repo format',
  examples: [{ line: 'tsipfs repo version --quiet', explains: 'Print just the version.' }],
  needs: 'repo',
  output: 'value',
  result: { Version: 'text' },
  params: { quiet: flag('Write minimal output', { short: 'q' }) },
  async *run() {
    const { FORMAT_VERSION } = await import('../../repo/layout.ts')
    yield { Version: String(FORMAT_VERSION) }
  },
  async render(outputs, { input, out }) {
    for await (const { Version } of outputs) {
      await out.write(`${input.quiet ? '' : 'ipfs repo version '}fs-repo@${Version}\n`)
    }
  },
})
