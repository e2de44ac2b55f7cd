import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { flag, int } from '../../contract/params.ts'

export const repoMigrate = defineCommand({
  path: 'repo migrate',
  summary: 'Bring the repo to another version of its format',
  description: 'There is one version so far, so there is nothing to migrate from yet.',
  examples: [{ line: 'tsipfs repo migrate', explains: 'Bring the repo to the latest version.' }],
  needs: 'nothing',
  localOnly: true,
  result: { Message: 'text' },
  params: {
    to: int('The version to go to; the latest unless given', { min: 1 }),
    allowDowngrade: flag('Allow going to a lower version'),
  },
  async *run(input, { repoPath }) {
    const [{ FORMAT_VERSION }, { requireRepo }] = await Promise.all([
      import('../../repo/layout.ts'),
      import('../../repo/open.ts'),
    ])
    await requireRepo(repoPath)
    const to = input.to ?? FORMAT_VERSION
    if (to !== FORMAT_VERSION) {
      throw new Failure('failed', `no migrations found for version ${FORMAT_VERSION} to ${to}`, {
        hint: `this tsipfs knows version ${FORMAT_VERSION} only`,
      })
    }
    yield { Message: `Repository is already at version ${to}.` }
  },
  async render(outputs, { out }) {
    for await (const { Message } of outputs) await out.write(`${Message}\n`)
  },
})
