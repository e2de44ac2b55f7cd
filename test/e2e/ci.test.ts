/** What CI systems are told, and the steps of the action and the template, run in an environment like theirs. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { KEY, Service } from './pin-service.ts'
import { type Ended, ended, Place, PROGRAM } from './program.ts'

const ROOT = join(import.meta.dirname, '../..')
const ABSENT = 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e'

/** A runner: a folder to work in, `tsipfs` on the PATH, and the files that jobs write to. */
class Runner extends Place {
  readonly env: Readonly<Record<string, string>>

  constructor(system: Readonly<Record<string, string>>) {
    super()
    mkdirSync(this.path('bin'))
    mkdirSync(this.path('site'))
    symlinkSync(PROGRAM, this.path('bin', 'tsipfs'))
    writeFileSync(this.path('site', 'index.html'), '<p>hello')
    this.env = {
      ...{ PATH: `${this.path('bin')}:${process.env.PATH}`, HOME: this.folder, TSIPFS_PATH: this.repo },
      ...{ GITHUB_OUTPUT: this.path('output'), GITHUB_STEP_SUMMARY: this.path('summary') },
      ...system,
    }
  }

  shell(line: string, more: Readonly<Record<string, string>> = {}) {
    const env = { ...this.env, ...more }
    return spawnSync('bash', ['-e', '-o', 'pipefail', '-c', line], {
      ...{ cwd: this.folder, env, encoding: 'utf8', timeout: 60_000 },
    })
  }

  /** The same while this process answers others. */
  async bash(args: readonly string[], { env = {} } = {}): Promise<Ended> {
    const child = spawn('bash', ['-e', '-o', 'pipefail', ...args], {
      ...{ cwd: this.folder, env: { ...this.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] },
    })
    child.stdin.end()
    return await ended(child)
  }

  text(name: string): string {
    return existsSync(this.path(name)) ? readFileSync(this.path(name), 'utf8') : ''
  }
}

test('on GitHub a CID goes to outputs and summary, and a failure is an annotation', () => {
  using runner = new Runner({ GITHUB_ACTIONS: 'true' })
  const added = runner.shell('tsipfs add -rQ site')
  const cid = added.stdout.trim()
  assert.equal(added.status, 0, added.stderr)
  assert.equal(runner.text('output'), `cid=${cid}\n`)
  assert.equal(runner.text('summary'), `- \`tsipfs add\`: cid \`${cid}\`\n`)
  const failed = runner.shell(`tsipfs cat --offline ${ABSENT}`)
  assert.equal(failed.status, 3)
  assert.match(
    failed.stderr,
    /^::error title=tsipfs cat::block was not found locally \(offline\): ipld: could not find bafk\w+%0Ahint: /m,
  )
  assert.equal(failed.stdout, '')
  const json = runner.shell(`tsipfs cat --json --offline ${ABSENT}`)
  assert.equal(json.stderr.trim().split('\n').length, 1, 'with --json standard error is one line')
  assert.doesNotMatch(runner.shell(`tsipfs cat --ci=none --offline ${ABSENT}`).stderr, /::error/)
  runner.shell('tsipfs add -rQ --ci=none site')
  assert.equal(runner.text('output'), `cid=${cid}\n`)
})

test('what has no such thing as a CID, and what fails, writes no output', () => {
  using runner = new Runner({ GITHUB_ACTIONS: 'true' })
  runner.shell('tsipfs version')
  assert.notEqual(runner.shell('tsipfs add -rQ nowhere').status, 0)
  assert.equal(runner.text('output'), '')
})

test('on GitLab a CID goes to the dotenv report, each name once', () => {
  using runner = new Runner({ GITLAB_CI: 'true', TSIPFS_DOTENV: 'job.env' })
  writeFileSync(runner.path('job.env'), 'OTHER=1\n')
  const one = runner.shell('tsipfs add -rQ site').stdout.trim()
  assert.equal(runner.text('job.env'), `OTHER=1\nTSIPFS_CID=${one}\n`)
  writeFileSync(runner.path('site', 'more'), 'more')
  const other = runner.shell('tsipfs add -rQ site').stdout.trim()
  assert.notEqual(one, other)
  assert.equal(runner.text('job.env'), `OTHER=1\nTSIPFS_CID=${other}\n`)
})

test('elsewhere nothing is written unless it is asked for', () => {
  using runner = new Runner({})
  runner.shell('tsipfs add -rQ site')
  assert.equal(runner.text('output') + runner.text('tsipfs.env'), '')
  runner.shell('tsipfs add -rQ --ci=gitlab site')
  assert.match(runner.text('tsipfs.env'), /^TSIPFS_CID=\w+\n$/)
})

/** Returns the `run` lines of the action, in order. */
function actionSteps(): string[] {
  const text = readFileSync(join(ROOT, 'action/action.yml'), 'utf8')
  return [...text.matchAll(/^ +run: '(.*)'$/gm)].map(match => match[1] ?? '')
}

test('the steps of the action install nothing where tsipfs is, add, check and export', () => {
  using runner = new Runner({ GITHUB_ACTIONS: 'true', GITHUB_ACTION_PATH: join(ROOT, 'action') })
  const [install = '', add = ''] = actionSteps()
  assert.match(runner.shell(install, { INPUT_VERSION: 'none' }).stdout, /version/)
  const inputs = {
    INPUT_PATH: 'site',
    INPUT_ARGS: '--cid-version=1 --pin=false',
    INPUT_EXPECT: '',
    INPUT_CAR: 'site.car',
  }
  const added = runner.shell(add, inputs)
  assert.equal(added.status, 0, added.stderr)
  const cid = added.stdout.trim()
  assert.match(cid, /^bafybei/)
  assert.equal(runner.text('output'), `cid=${cid}\n`)
  assert.ok(readFileSync(runner.path('site.car')).length > 50)
  assert.equal(runner.shell(add, { ...inputs, INPUT_EXPECT: cid }).status, 0)
  const other = runner.shell(add, { ...inputs, INPUT_EXPECT: ABSENT })
  assert.equal(other.status, 6)
  assert.match(other.stdout, /^::error title=tsipfs add::site is /m)
})

test('the action pins at a service, waits until it is done, and leaves neither daemon nor secret', {
  timeout: 120_000,
}, async () => {
  await using service = await new Service().open()
  using runner = new Runner({ GITHUB_ACTIONS: 'true', GITHUB_ACTION_PATH: join(ROOT, 'action') })
  runner.shell('tsipfs init --profile=test')
  const [, , pin = ''] = actionSteps()
  const cid = runner.shell('tsipfs add -rQ site').stdout.trim()
  const inputs = {
    INPUT_CID: cid,
    INPUT_PIN_ENDPOINT: service.url,
    INPUT_PIN_KEY: KEY,
    INPUT_PIN_NAME: 'build 7',
    INPUT_PIN_TIMEOUT: '30s',
  }
  const pinned = await runner.bash(['-c', pin], { env: inputs })
  assert.equal(pinned.status, 0, pinned.stderr)
  assert.match(pinned.stdout, /^Status: pinned$/m)
  assert.equal(service.pins[0]?.pin.cid, cid)
  assert.equal(service.pins[0]?.pin.name, 'build 7')
  assert.ok((service.pins[0]?.pin.origins ?? []).length > 0, 'it can be fetched from a daemon here')
  service.fate = 'failed'
  service.polls = 0
  const failed = await runner.bash(['-c', pin], { env: inputs })
  assert.equal(failed.status, 1)
  assert.match(failed.stderr, /^::error title=tsipfs pin remote add::remote service failed to pin/m)
  assert.equal(runner.shell('tsipfs swarm addrs listen').status, 12, 'the daemon of the step has ended')
  assert.doesNotMatch(readFileSync(join(runner.repo, 'config'), 'utf8'), new RegExp(KEY))
})

test('a repo that the action keeps holds what was there, on the next machine', () => {
  const text = readFileSync(join(ROOT, 'action/action.yml'), 'utf8')
  assert.match(text, /if: inputs\.cache == 'true'\n +uses: actions\/cache@v\d+\n/)
  const [, path] = /uses: actions\/cache[^\n]*\n +with:\n +path: \$\{\{ (.*) \}\}\n/.exec(text) ?? []
  assert.equal(path, "inputs.repo || env.TSIPFS_PATH || '~/.tsipfs'")
  using runner = new Runner({ GITHUB_ACTION_PATH: join(ROOT, 'action'), GITHUB_ENV: 'env-file' })
  const [install = ''] = actionSteps()
  runner.shell(install, { INPUT_REPO: runner.path('kept') })
  assert.equal(runner.text('env-file'), `TSIPFS_PATH=${runner.path('kept')}\n`)
  const TSIPFS_PATH = runner.path('kept')
  const cid = runner.shell('tsipfs add -rQ site', { TSIPFS_PATH }).stdout.trim()
  using next = new Runner({})
  // As the cache does, which keeps no sockets.
  cpSync(TSIPFS_PATH, next.repo, { recursive: true })
  assert.equal(next.shell(`tsipfs cat --offline ${cid}/index.html`).stdout, '<p>hello')
  assert.equal(next.shell('tsipfs pin ls --type=recursive -q').stdout.includes(cid), true)
})

test('the GitLab template adds a folder and hands the CID on', () => {
  using runner = new Runner({ GITLAB_CI: 'true', TSIPFS_DOTENV: 'tsipfs.env', TSIPFS_ADD_PATH: 'site' })
  const done = runner.shell(gitlabLines(['before_script', 'script']), PIN_NOWHERE)
  assert.equal(done.status, 0, done.stderr)
  assert.equal(runner.text('tsipfs.env'), `TSIPFS_CID=${done.stdout.trim()}\n`)
  assert.equal(runner.shell(gitlabLines(['after_script'])).status, 0)
})

const PIN_NOWHERE = { TSIPFS_PIN_ENDPOINT: '', TSIPFS_PIN_KEY: '', TSIPFS_PIN_NAME: '', TSIPFS_PIN_TIMEOUT: '30s' }

/** Returns the lines of the template, by the keys that they stand under. */
function gitlabLines(keys: readonly string[]): string {
  const text = readFileSync(join(ROOT, 'ci/tsipfs.gitlab-ci.yml'), 'utf8')
  const lines = keys.flatMap(key => {
    const [, block = ''] = new RegExp(`^  ${key}:\\n((?: {4}.*\\n)+)`, 'm').exec(text) ?? []
    return [...block.matchAll(/^ {4}- (.*)$/gm)].map(match => match[1] ?? '')
  })
  assert.ok(lines.length > 0)
  return lines.join('\n')
}

test('the GitLab template pins at a service', { timeout: 120_000 }, async () => {
  await using service = await new Service().open()
  using runner = new Runner({ GITLAB_CI: 'true', TSIPFS_DOTENV: 'tsipfs.env', TSIPFS_ADD_PATH: 'site' })
  runner.shell('tsipfs init --profile=test')
  const env = { ...PIN_NOWHERE, TSIPFS_PIN_ENDPOINT: service.url, TSIPFS_PIN_KEY: KEY }
  const done = await runner.bash(['-c', gitlabLines(['before_script', 'script'])], { env })
  const after = await runner.bash(['-c', gitlabLines(['after_script'])], { env })
  assert.equal(done.status, 0, done.stderr)
  assert.match(done.stdout, /^Status: pinned$/m)
  assert.equal(service.pins[0]?.pin.cid, runner.text('tsipfs.env').trim().replace('TSIPFS_CID=', ''))
  assert.equal(after.status, 0, after.stderr)
  assert.equal(runner.shell('tsipfs swarm addrs listen').status, 12)
  assert.doesNotMatch(readFileSync(join(runner.repo, 'config'), 'utf8'), new RegExp(KEY))
})
