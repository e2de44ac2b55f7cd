import { defineCommand } from '../contract/command.ts'
import { flag } from '../contract/params.ts'
import { VERSION } from '../contract/version.ts'

export const version = defineCommand({
  path: 'version',
  summary: 'Show the version of tsipfs',
  examples: [
    { line: 'tsipfs version --number', explains: 'Print just the number.' },
    { line: 'tsipfs version --all', explains: 'Show the version of the repo format, system and runtime too.' },
  ],
  needs: 'nothing',
  output: 'value',
  result: { Version: 'text', Commit: 'text', Repo: 'text', System: 'text', Golang: 'text', 'Runtime?': 'text' },
  params: {
    number: flag('Only show the version number', { short: 'n', caller: true }),
    commit: flag('Show the commit hash', { caller: true }),
    repo: flag('Show the version of the repo format', { caller: true }),
    all: flag('Show all there is to tell', { caller: true }),
  },
  async *run() {
    const [{ FORMAT_VERSION }, { architecture, COMMIT, runtime }] = await Promise.all([
      import('../repo/layout.ts'),
      import('../node/build.ts'),
    ])
    const System = `${architecture()}/${process.platform}`
    yield { Version: VERSION, Commit: COMMIT, Repo: String(FORMAT_VERSION), System, Golang: '', Runtime: runtime() }
  },
  async render(outputs, { input, out }) {
    for await (const { Version, Commit, Repo, System, Golang, Runtime } of outputs) {
      const commit = Commit === '' ? '' : `-${Commit}`
      const short = input.commit ? `${Version}${commit}` : Version
      if (input.all) {
        const built = Runtime === undefined ? `Golang version: ${Golang}` : `Runtime version: ${Runtime}`
        const name = Runtime === undefined ? 'Kubo' : 'tsipfs'
        await out.write(
          `${name} version: ${Version}${commit}\nRepo version: ${Repo}\nSystem version: ${System}\n${built}\n`,
        )
      } else if (input.repo) await out.write(`${Repo}\n`)
      else if (input.number) await out.write(`${short}\n`)
      else await out.write(`ipfs version ${short}\n`)
    }
  },
})
