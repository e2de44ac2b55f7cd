import { defineCommand } from '../../contract/command.ts'

export const versionDeps = defineCommand({
  path: 'version deps',
  summary: 'List the packages that tsipfs is made of',
  examples: [{ line: 'tsipfs version deps', explains: 'List packages with their versions.' }],
  needs: 'nothing',
  result: { Path: 'text', Version: 'text', ReplacedBy: 'text', Sum: 'text' },
  params: {},
  async *run() {
    const { dependencies } = await import('../../node/build.ts')
    yield* await dependencies()
  },
  async render(outputs, { out }) {
    for await (const { Path, Version, ReplacedBy } of outputs) {
      const replaced = ReplacedBy === '' || ReplacedBy === undefined ? '' : ` => ${ReplacedBy}`
      await out.write(`${Path}@${Version}${replaced}\n`)
    }
  },
})
