/** What CI systems are told, and the steps of the action and the template, run in an environment like theirs. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Place, PROGRAM } from './program.ts'

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

test('the GitLab template adds a folder and hands the CID on', () => {
  using runner = new Runner({ GITLAB_CI: 'true', TSIPFS_DOTENV: 'tsipfs.env', TSIPFS_ADD_PATH: 'site' })
  const text = readFileSync(join(ROOT, 'ci/tsipfs.gitlab-ci.yml'), 'utf8')
  const lines = [...text.matchAll(/^ {4}- (.*)$/gm)].map(match => match[1] ?? '')
  assert.equal(lines.length, 2)
  const done = runner.shell(lines.join('\n'))
  assert.equal(done.status, 0, done.stderr)
  assert.equal(runner.text('tsipfs.env'), `TSIPFS_CID=${done.stdout.trim()}\n`)
})
