/** Each kind of failure is provoked, and ends with the status of the table. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { run } from '../../src/cli/run.ts'
import { EXIT_STATUS, type FailureKind } from '../../src/contract/failure.ts'
import type { Io } from '../../src/contract/io.ts'
import { Daemon } from './daemons.ts'
import { type Ended, ended, Place, PROGRAM, printed, type RunOptions, seeded } from './program.ts'

const ABSENT = 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e'

type Provoke = (place: Place) => Promise<Pick<Ended, 'status' | 'stderr'>>

/** Starts a command that reads standard input, sends something, and then a signal. */
function signalled(signal: NodeJS.Signals): Provoke {
  return async place => {
    const child = place.start(['daemon', '--offline'])
    await printed(child, /Daemon is ready/)
    child.kill('SIGTERM')
    await ended(child)
    const waiting = place.start(['block', 'put', '--debug'])
    waiting.stdin.write('begun')
    // It opens its repo before it reads: once another command has been served it has had its turn.
    await place.run(['repo', 'version'])
    await place.run(['repo', 'stat'])
    waiting.kill(signal)
    return await ended(waiting)
  }
}

const PROVOKED: Readonly<Record<FailureKind, Provoke>> = {
  failed: async place => {
    await place.ok(['files', 'mkdir', '/d'])
    return await place.run(['files', 'mkdir', '/d', '--json'])
  },
  usage: place => place.run(['cat', 'no-cid', '--json']),
  'not-found': place => place.run(['cat', '--offline', ABSENT, '--json']),
  timeout: async place => {
    const child = place.start(['block', 'put', '--timeout=300ms', '--json'])
    return await ended(child)
  },
  network: place => place.run(['--api', '/ip4/127.0.0.1/tcp/1', 'id', '--json']),
  'data-mismatch': async place => {
    writeFileSync(place.path('file'), 'file')
    const cid = await place.ok(['block', 'put'], { input: 'other' })
    return await place.run(['verify', 'file', cid, '--json'])
  },
  partial: async place => {
    const cid = await place.ok(['block', 'put'], { input: 'x' })
    mkdirSync(place.path('odd'))
    assert.equal(spawnSync('mkfifo', [place.path('odd', 'pipe')]).status, 0)
    return await place.run(['diff', '--exit-code', cid, './odd', '--json'])
  },
  'no-repo': async place => {
    mkdirSync(place.path('empty'))
    return await place.run(['--repo-dir', place.path('empty'), 'repo', 'stat', '--json'])
  },
  locked: async place => {
    const child = place.start(['daemon', '--offline'])
    try {
      await printed(child, /Daemon is ready/)
      return await place.run(['daemon', '--offline', '--lock-timeout=100ms', '--json'])
    } finally {
      child.kill('SIGTERM')
      await ended(child)
    }
  },
  'needs-daemon': place => place.run(['swarm', 'peers', '--json']),
  bug: async () => {
    let stderr = ''
    const silent = new AbortController().signal
    const io: Io = {
      ...{ args: ['commands', '--json'], env: {}, cwd: '/', signal: silent },
      stdin: (async function* () {})(),
      out: {
        write: async () => {
          throw new TypeError('what nobody expects')
        },
      },
      err: {
        write: async chunk => {
          stderr += String(chunk)
        },
      },
      terminal: { in: false, out: false, err: false, columns: 80 },
    }
    return { status: await run(io), stderr }
  },
  interrupted: signalled('SIGINT'),
  terminated: signalled('SIGTERM'),
  'closed-pipe': async place => {
    const cid = await place.ok(['block', 'put'], { input: seeded(1 << 20, 1) })
    const env = { PATH: process.env.PATH, TSIPFS_PATH: place.repo, TSIPFS: PROGRAM, CID: cid, HOME: place.folder }
    const line = '"$TSIPFS" cat "$CID" | head -c 10 > /dev/null; exit $PIPESTATUS'
    const { status, stderr } = spawnSync('bash', ['-c', line], { env, encoding: 'utf8', timeout: 60_000 })
    return { status: status ?? -1, stderr }
  },
}

for (const [kind, provoke] of Object.entries(PROVOKED)) {
  test(`${kind} ends with its status`, async () => {
    using place = new Place()
    await place.ok(['init', '--profile=test'])
    const { status, stderr } = await provoke(place)
    assert.equal(status, EXIT_STATUS[kind as FailureKind].status, stderr)
    if (kind === 'closed-pipe') assert.equal(stderr, '')
    else if (kind !== 'interrupted' && kind !== 'terminated') {
      const record = JSON.parse(stderr.trim().split('\n').at(-1) ?? '')
      assert.equal(record.kind, kind)
    } else assert.doesNotMatch(stderr, /bug/)
  })
}

/** What runs a command: the same failures come out of each. */
type Way = (args: readonly string[], options?: RunOptions) => Promise<Ended>

/** The kinds that do not depend on where a command runs, as command lines on a repo with $CID, a block, and a pipe in ./odd. */
const EVERYWHERE: readonly [FailureKind, readonly string[], RunOptions?][] = [
  ['failed', ['files', 'mkdir', '/']],
  ['usage', ['cat', 'no-cid']],
  ['usage', ['ls']],
  ['usage', ['ls', '--no-such-option', '$CID']],
  ['usage', ['no-such-command']],
  ['not-found', ['block', 'get', '--offline', ABSENT]],
  ['not-found', ['cat', '--offline', '/ipfs/$FOLDER/none']],
  ['not-found', ['pin', 'rm', '$CID']],
  ['not-found', ['key', 'rm', 'none']],
  ['not-found', ['files', 'stat', '/none']],
  ['not-found', ['add', 'none']],
  ['timeout', ['cat', '--timeout=300ms', '--gateway', '$GATEWAY', ABSENT]],
  ['timeout', ['cat', '--lookup-timeout=300ms', '--gateway', '$GATEWAY', ABSENT]],
  ['network', ['--api', '/ip4/127.0.0.1/tcp/1', 'id']],
  ['data-mismatch', ['verify', 'file', '$CID']],
  ['data-mismatch', ['add', '-Q', `--expect=${ABSENT}`, 'file']],
  ['partial', ['diff', '--exit-code', '$CID', './odd']],
  ['partial', ['block', 'get', '--offline', '--stdin'], { input: `${ABSENT}\n$CID\n` }],
]

test('the status is the same in the command itself, beside a daemon, and through --api', {
  timeout: 240_000,
}, async () => {
  await using daemon = await Daemon.start({ base: '/dev/shm' })
  using alone = new Place('/dev/shm')
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  await alone.ok(['init', '--profile=test'])
  const api = `/unix${daemon.place.repo}/api.sock`
  const ways: [string, Place, Way][] = [
    ['alone', alone, (args, options) => alone.run(args, options)],
    ['beside a daemon', daemon.place, (args, options) => daemon.run(args, options)],
    [
      'through --api',
      alone,
      (args, options) => alone.run(args.includes('--api') ? args : ['--api', api, ...args], options),
    ],
  ]
  try {
    for (const [name, place, run] of ways) {
      writeFileSync(place.path('file'), 'file')
      mkdirSync(place.path('odd'), { recursive: true })
      spawnSync('mkfifo', [place.path('odd', 'pipe')])
      const gateway = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
      const cid = (await run(['block', 'put', '--pin=false'], { input: 'other' })).stdout.trim()
      const folder = (await run(['add', '-wQ', 'file'])).stdout.trim()
      const fill = (text: string): string =>
        text.replace('$CID', cid).replace('$FOLDER', folder).replace('$GATEWAY', gateway)
      for (const [kind, line, options] of EVERYWHERE) {
        const input = options?.input === undefined ? {} : { input: fill(String(options.input)) }
        const { status, stderr } = await run([...line.map(fill), '--json'], input)
        const where = `${name}: ${line.join(' ')}: ${stderr}`
        assert.equal(status, EXIT_STATUS[kind].status, where)
        for (const record of stderr.trim().split('\n')) assert.ok(JSON.parse(record).kind in EXIT_STATUS, where)
        assert.equal(JSON.parse(stderr.trim().split('\n').at(-1) ?? '').kind, kind, where)
      }
    }
  } finally {
    silent.closeAllConnections()
    silent.close()
  }
})
