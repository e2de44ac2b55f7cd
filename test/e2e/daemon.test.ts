/** The daemon as those see it who start, ask and end it. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { ended, Place, PROGRAM, printed, type Running } from './program.ts'

/** A repo of its own, and the daemons that a test starts on it. */
class House extends Place {
  static async make(settings: Readonly<Record<string, unknown>> = {}): Promise<House> {
    const house = new House()
    await house.ok(['init', '--profile=test'])
    house.set(settings)
    return house
  }

  /** Sets keys of the config. */
  set(settings: Readonly<Record<string, unknown>>): void {
    const file = join(this.repo, 'config')
    const config = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, unknown>>
    for (const [key, value] of Object.entries(settings)) {
      const [section = '', name = ''] = key.split('.')
      config[section] = { ...config[section], [name]: value }
    }
    writeFileSync(file, JSON.stringify(config))
  }

  /** Starts a daemon, and returns it with the lines that it printed once it is ready. */
  async daemon(args: readonly string[] = ['--offline'], env: Record<string, string> = {}): Promise<Daemon> {
    const child = this.start(['daemon', ...args], { env })
    const over = ended(child)
    const match = await printed(child, /^(?:.*\n)*Daemon is ready\n/)
    return new Daemon(child, over, match[0].trimEnd().split('\n'))
  }

  read(name: string): string {
    return readFileSync(join(this.repo, name), 'utf8')
  }
}

class Daemon implements AsyncDisposable {
  readonly child: Running
  readonly over: ReturnType<typeof ended>
  readonly lines: readonly string[]

  constructor(child: Running, over: ReturnType<typeof ended>, lines: readonly string[]) {
    this.child = child
    this.over = over
    this.lines = lines
  }

  /** Ends it as a service manager does, and returns its status and the seconds that it took. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<{ status: number; seconds: number; stderr: string }> {
    const since = performance.now()
    this.child.kill(signal)
    const { status, stderr } = await this.over
    return { status, seconds: (performance.now() - since) / 1000, stderr }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL')
    await this.over
  }
}

/** What lies in a repo that has no daemon. */
const QUIET = ['config', 'keystore', 'locks', 'packs', 'roots.log', 'state.sqlite', 'version']

function hostPort(multiaddr: string): string {
  return multiaddr.trim().replace(/^\/ip4\/([^/]+)\/tcp\//, '$1:')
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** Posts to a daemon, at a port or a socket. */
function post(at: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const where = at.startsWith('/unix')
    ? { socketPath: at.slice(5) }
    : { host: '127.0.0.1', port: hostPort(at).split(':')[1] }
  return new Promise((resolve, reject) => {
    const asked = request({ ...where, path, method: 'POST', headers, agent: false }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
      response.on('error', reject)
    })
    asked.on('error', reject)
    asked.end()
  })
}

test('says where it listens, in order; writes api and gateway; leaves nothing, and 0, when it is told to end', async () => {
  using house = await House.make()
  assert.deepEqual(readdirSync(house.repo).sort(), QUIET)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    await using daemon = await house.daemon([])
    const patterns = [
      /^Swarm listening on 127\.0\.0\.1:\d+ \(TCP\)$/,
      /^RPC API server listening on (\S+)$/,
      /^Gateway server listening on (\S+)$/,
      /^Daemon is ready$/,
    ]
    assert.equal(daemon.lines.length, patterns.length, daemon.lines.join('\n'))
    for (const [nth, pattern] of patterns.entries()) assert.match(daemon.lines[nth] ?? '', pattern)
    assert.equal(`RPC API server listening on ${house.read('api')}`, daemon.lines[1])
    assert.equal(
      `Gateway server listening on ${house.read('gateway').replace(/^http:\/\/(.*):(\d+)$/, '/ip4/$1/tcp/$2')}`,
      daemon.lines[2],
    )
    assert.equal(statSync(join(house.repo, 'api.sock')).mode & 0o777, 0o600)
    assert.equal(statSync(house.repo).mode & 0o777, 0o700)
    assert.equal((await post(house.read('api'), '/api/v0/version')).status, 200)
    const metrics = await fetch(`http://${hostPort(house.read('api'))}/debug/metrics/prometheus`)
    assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4;/)
    assert.match(
      await metrics.text(),
      /^process_resident_memory_bytes \d+$[\s\S]*^ipfs_info\{commit="[^"]*",version="[^"]+"\} 1$/m,
    )
    assert.equal((await fetch(`${house.read('gateway')}/ipfs/bafkqaaa?format=raw`)).status, 200)
    const { status, seconds, stderr } = await daemon.stop(signal)
    assert.deepEqual([status, stderr], [0, ''])
    assert.ok(seconds < 3, `${seconds} s`)
    assert.deepEqual(readdirSync(house.repo).sort(), QUIET)
  }
})

test('a killed daemon hinders nobody', async () => {
  using house = await House.make()
  for (let round = 0; round < 2; round++) {
    const daemon = await house.daemon()
    assert.equal((await daemon.stop('SIGKILL')).status, 137)
    assert.ok(existsSync(join(house.repo, 'api.sock')))
    assert.equal((await house.run(['swarm', 'peers'])).status, 12)
    assert.match(await house.ok(['add', '-Q'], { input: String(round) }), /^Qm|^baf/)
  }
  await using last = await house.daemon()
  assert.equal((await post(house.read('api'), '/api/v0/version')).status, 200)
  assert.equal((await last.stop()).status, 0)
})

test('a repo has one daemon: a second is told so, with 11', async () => {
  using house = await House.make()
  await using first = await house.daemon()
  const addresses = house.read('api')
  for (const args of [['daemon'], ['daemon', '--detach']]) {
    const { status, stderr } = await house.run(args)
    assert.equal(status, 11)
    assert.match(
      stderr,
      /^Error: a daemon is running on the repo at .* already\nhint: end it with: tsipfs daemon stop\n$/,
    )
  }
  assert.equal(house.read('api'), addresses)
  assert.equal((await post(addresses, '/api/v0/version')).status, 200)
  assert.equal((await first.stop()).status, 0)
})

test('--detach returns when it is ready; wait waits, stop ends, and both say when there is none', async () => {
  using house = await House.make()
  assert.equal((await house.run(['daemon', 'stop'])).status, 12)
  assert.equal((await house.run(['shutdown'])).status, 12)
  assert.equal((await house.run(['daemon', 'wait', '--timeout=100ms'])).status, 4)
  const api = ['--api', `/unix${house.repo}/api.sock`, '--repo-dir', house.repo.replace(/repo$/, 'none')]
  assert.equal((await house.run([...api, 'daemon', 'wait', '--timeout=300ms'])).status, 4)
  const elsewhere = house.run([...api, 'daemon', 'wait', '--timeout=30s'])
  const waiting = house.run(['daemon', 'wait', '--timeout=30s'])
  const started = await house.run(['daemon', '--detach', '--offline'])
  assert.deepEqual([started.status, started.stderr], [0, ''])
  assert.match(started.stdout, /^RPC API server listening on .*\nGateway server listening on .*\nDaemon is ready\n$/)
  assert.equal((await waiting).status, 0)
  assert.equal((await elsewhere).status, 0)
  assert.equal(await house.ok(['diag', 'healthy']), 'ok')
  assert.match(house.read('daemon.log'), /Daemon is ready\n$/)
  assert.equal((await house.run(['daemon', 'stop'])).status, 0)
  assert.deepEqual(readdirSync(house.repo).sort(), [...QUIET, 'daemon.log'].sort())
  await house.ok(['daemon', '-d', '--offline'])
  assert.equal((await house.run(['shutdown'])).status, 0)
  await house.ok(['daemon', '-d', '--offline'], { timeoutMs: 20_000 }).catch(async () => {
    // The one before may still be ending: shutdown does not wait for that.
    await house.run(['daemon', 'stop'])
    await house.ok(['daemon', '-d', '--offline'])
  })
  await house.ok(['daemon', 'stop'])
})

test('a daemon that cannot start says why to whoever detached it', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  using house = await House.make({ 'Addresses.API': `/ip4/127.0.0.1/tcp/${port}` })
  for (const args of [
    ['daemon', '--offline'],
    ['daemon', '--offline', '--detach'],
  ]) {
    const { status, stdout, stderr } = await house.run(args)
    assert.deepEqual([status, stdout], [1, ''])
    assert.match(stderr, /^Error: \/ip4\/127\.0\.0\.1\/tcp\/\d+: address already in use\nhint: .*Addresses\.API/m)
    assert.equal(existsSync(join(house.repo, 'api.sock')), false)
  }
  house.set({ 'Addresses.API': '/ip4/127.0.0.1/tcp/0', 'Addresses.Gateway': [`/ip4/127.0.0.1/tcp/${port}`] })
  assert.equal((await house.run(['daemon', '--offline'])).status, 1)
  house.set({ 'Addresses.Gateway': ['/ip4/nonsense'] })
  assert.match((await house.run(['daemon', '--offline'])).stderr, /^Error: cannot listen on "\/ip4\/nonsense"/)
  house.set({ 'Addresses.Gateway': [], 'Gateway.MaxConcurrentRequests': 'many' })
  await using _ = await house.daemon()
  taken.close()
})

test('--init makes the repo, with profiles or from a config; without it, no repo is 10', async () => {
  using house = new House()
  for (const args of [['daemon'], ['daemon', '--detach']]) assert.equal((await house.run(args)).status, 10)
  await using daemon = await house.daemon(['--offline', '--init', '--init-profile=test'])
  assert.equal(JSON.parse(house.read('config')).AutoConf.Enabled, false)
  assert.equal((await daemon.stop()).status, 0)
  await using again = await house.daemon(['--offline', '--init', '--init-profile=test'])
  assert.equal((await again.stop()).status, 0)
  using other = new House()
  await using copy = await other.daemon(['--offline', '--init', `--init-config=${join(house.repo, 'config')}`])
  assert.deepEqual(JSON.parse(other.read('config')).Addresses, JSON.parse(house.read('config')).Addresses)
  assert.equal((await copy.stop()).status, 0)
})

test('a path too long for a socket is no obstacle', async () => {
  using house = new Place()
  const repo = join(house.folder, 'x'.repeat(120), 'repo')
  mkdirSync(join(repo, '..'), { recursive: true })
  const runtime = join(house.folder, 'run')
  mkdirSync(runtime, { mode: 0o700 })
  const env = { TSIPFS_PATH: repo, XDG_RUNTIME_DIR: runtime }
  await house.ok(['init', '--profile=test'], { env })
  const child = house.start(['daemon', '--offline'], { env })
  const over = ended(child)
  await printed(child, /Daemon is ready/)
  const [folder = ''] = readdirSync(runtime)
  assert.equal(statSync(join(runtime, folder)).mode & 0o777, 0o700)
  assert.equal(statSync(join(runtime, folder, 'api.sock')).mode & 0o777, 0o600)
  assert.equal(await house.ok(['diag', 'healthy'], { env }), 'ok')
  await house.ok(['daemon', 'stop'], { env })
  assert.equal((await over).status, 0)
  assert.deepEqual(readdirSync(runtime), [])
})

test('listens on TCP only where the config says so; the own socket is always there', async () => {
  using house = await House.make({ 'Addresses.API': '', 'Addresses.Gateway': [] })
  {
    await using daemon = await house.daemon()
    const socket = `/unix${house.repo}/api.sock`
    assert.deepEqual(daemon.lines, [`RPC API server listening on ${socket}`, 'Daemon is ready'])
    assert.equal(house.read('api'), socket)
    assert.equal(existsSync(join(house.repo, 'gateway')), false)
    assert.equal((await post(socket, '/api/v0/version')).status, 200)
    assert.equal((await daemon.stop()).status, 0)
  }
  const other = `/unix${house.path('other.sock')}`
  house.set({
    'Addresses.API': ['/ip4/127.0.0.1/tcp/0', other],
    'Addresses.Gateway': ['/ip4/0.0.0.0/tcp/0', '/ip4/127.0.0.1/tcp/0'],
  })
  await using daemon = await house.daemon()
  assert.match(house.read('api'), /^\/ip4\/127\.0\.0\.1\/tcp\/\d+$/)
  assert.match(house.read('gateway'), /^http:\/\/127\.0\.0\.1:\d+$/)
  assert.deepEqual(
    daemon.lines.map(line => line.replace(/\/tcp\/\d+$/, '')),
    [
      'RPC API server listening on /ip4/127.0.0.1',
      `RPC API server listening on ${other}`,
      'Gateway server listening on /ip4/0.0.0.0',
      'Gateway server listening on /ip4/127.0.0.1',
      'Daemon is ready',
    ],
  )
  assert.equal((await post(other, '/api/v0/version')).status, 200)
  assert.equal(statSync(house.path('other.sock')).mode & 0o777, 0o600)
  assert.equal((await daemon.stop()).status, 0)
  assert.equal(existsSync(house.path('other.sock')), false)
})

test('lets in who may: Host, Origin, browsers, secrets; the own socket asks for none', async () => {
  const Authorizations = {
    all: { AuthSecret: 'bearer:one', AllowedPaths: ['/api/v0'] },
    few: { AuthSecret: 'basic:user:two', AllowedPaths: ['/api/v0/id', '/api/v0/version'] },
  }
  using house = await House.make({ 'API.HTTPHeaders': { 'Access-Control-Allow-Origin': ['https://good.example'] } })
  const version = '/api/v0/version'
  {
    await using daemon = await house.daemon()
    const api = house.read('api')
    const port = hostPort(api).split(':')[1]
    for (const [headers, status] of [
      [{}, 200],
      [{ Host: 'evil.example' }, 403],
      [{ Host: `localhost:${port}` }, 200],
      [{ Origin: 'http://evil.example' }, 403],
      [{ Origin: 'null' }, 403],
      [{ Origin: `http://127.0.0.1:${port}` }, 200],
      [{ Origin: 'http://127.0.0.1:1' }, 403],
      [{ Origin: 'https://good.example' }, 200],
      [{ Referer: 'http://evil.example/page' }, 403],
      [{ 'User-Agent': 'Mozilla/5.0' }, 403],
    ] as const) {
      assert.equal((await post(api, version, headers)).status, status, JSON.stringify(headers))
    }
    assert.equal((await fetch(`http://${hostPort(api)}${version}`)).status, 405)
    assert.equal((await daemon.stop()).status, 0)
  }
  house.set({ 'API.Authorizations': Authorizations })
  await using daemon = await house.daemon()
  const api = house.read('api')
  const basic = `Basic ${Buffer.from('user:two').toString('base64')}`
  assert.equal((await post(api, version)).status, 403)
  assert.equal((await post(api, version, { Authorization: 'Bearer two' })).status, 403)
  assert.equal((await post(api, '/api/v0/repo/stat', { Authorization: 'Bearer one' })).status, 200)
  assert.equal((await post(api, version, { Authorization: basic })).status, 200)
  assert.equal((await post(api, '/api/v0/repo/stat', { Authorization: basic })).status, 403)
  assert.equal((await house.run(['--api', api, 'repo', 'stat'])).status, 1)
  assert.equal((await house.run(['--api', api, '--api-auth=bearer:one', 'repo', 'stat'])).status, 0)
  assert.equal((await house.run(['--api', api, '--api-auth=basic:user:two', 'version'])).status, 0)
  assert.equal(await house.ok(['diag', 'healthy']), 'ok')
  assert.equal((await daemon.stop()).status, 0)
})

test('tells systemd and s6 when it is ready', async () => {
  using house = await House.make()
  const bin = house.path('bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'systemd-notify'), `#!/bin/sh\necho "$NOTIFY_SOCKET $*" > ${house.path('notified')}\n`)
  chmodSync(join(bin, 'systemd-notify'), 0o755)
  await using daemon = await house.daemon(['--offline'], {
    PATH: `${bin}:${process.env.PATH}`,
    NOTIFY_SOCKET: '/run/notify',
  })
  // It notifies before it goes on to answer: what it answers to proves that it did.
  await house.ok(['diag', 'healthy'])
  while (!existsSync(house.path('notified'))) await house.ok(['diag', 'healthy'])
  assert.match(readFileSync(house.path('notified'), 'utf8'), /^\/run\/notify --ready --pid=\d+\n$/)
  assert.equal((await daemon.stop()).status, 0)
  const env = { PATH: process.env.PATH, HOME: house.folder, TSIPFS_PATH: house.repo }
  const child = spawn(PROGRAM, ['daemon', '--offline', '--ready-fd=3'], {
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  })
  const over = once(child, 'close')
  let told = ''
  for await (const chunk of child.stdio[3] as NodeJS.ReadableStream) told += chunk
  assert.match(told, /^RPC API server listening on .*\n(.*\n)*Daemon is ready\n$/)
  child.kill()
  assert.deepEqual(await over, [0, null])
})

test('ends within seconds though requests hang, and tells their clients', async () => {
  using house = await House.make()
  await using daemon = await house.daemon()
  const [host = '', port = ''] = hostPort(house.read('api')).split(':')
  const upload = connect(Number(port), host)
  upload.on('error', () => undefined)
  upload.write(
    'POST /api/v0/add HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n' +
      '5c\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: text/plain\r\n\r\nxx\r\n',
  )
  const half = connect(Number(port), host)
  half.on('error', () => undefined)
  half.write('POST /api/v0/version HTTP/1.1\r\nHo')
  const idle = connect(Number(hostPort(house.read('gateway').replace('http://', '')).split(':')[1]), host)
  idle.on('error', () => undefined)
  idle.write('GET /version HTTP/1.1\r\nHost: a\r\n\r\n')
  const tail = house.start(['log', 'tail'])
  const tailed = ended(tail)
  while (!(await house.ok(['diag', 'cmds'])).includes('log/tail')) await house.ok(['version'])
  const closed = Promise.all([upload, half, idle].map(socket => once(socket.resume(), 'close')))
  const { status, seconds, stderr } = await daemon.stop()
  assert.deepEqual([status, stderr], [0, ''])
  assert.ok(seconds < 5, `${seconds} s`)
  await closed
  assert.ok([0, 1, 5].includes((await tailed).status))
  assert.deepEqual(readdirSync(house.repo).sort(), QUIET)
})

test('lists what runs in it, logs as much as it is told to, and names its commands', async () => {
  using house = await House.make()
  await using daemon = await house.daemon()
  const tail = house.start(['log', 'tail', '--log-level=debug'])
  const tailed = ended(tail)
  while (!/^log\/tail\s+true/m.test(await house.ok(['diag', 'cmds']))) await house.ok(['version'])
  const line = printed(tail, /"logger":"rpc".*\n/)
  assert.equal(await house.ok(['log', 'level', 'rpc', 'debug']), "Changed log level of 'rpc' to 'debug'")
  await house.ok(['diag', 'healthy'])
  assert.match((await line)[0], /"msg":"begins [\w/]+"/)
  tail.kill('SIGINT')
  assert.equal((await tailed).status, 130)
  assert.ok((await house.ok(['log', 'ls'])).split('\n').includes('gateway'))
  assert.equal((await house.run(['log', 'level', 'nope'])).status, 3)
  assert.equal((await house.run(['log', 'level', 'rpc', 'loud'])).status, 2)
  while (/^log\/tail\s+true/m.test(await house.ok(['diag', 'cmds']))) await house.ok(['version'])
  await house.ok(['diag', 'cmds', 'clear'])
  assert.doesNotMatch(await house.ok(['diag', 'cmds']), /log\/tail/)
  await house.ok(['diag', 'cmds', 'set-time', '1ms'])
  const listed = JSON.parse((await post(house.read('api'), '/api/v0/commands')).text)
  const names = listed.Subcommands.map(({ Name }: { Name: string }) => Name)
  for (const name of ['add', 'cat', 'pin', 'swarm']) assert.ok(names.includes(name), name)
  const { stderr } = await daemon.stop()
  assert.match(stderr, /\tDEBUG\trpc\tbegins diag\/healthy\n/)
})

test('what is only read is read on read-only media, but no daemon starts there', async t => {
  const script = `set -e; mount -t tmpfs none "$1"; export TSIPFS_PATH="$1/repo" HOME="$1"
    "$2" init --profile=test >/dev/null; mount -o remount,ro "$1"; "$2" repo stat --size-only >/dev/null
    "$2" daemon --offline && exit 1; echo "status $?"`
  using house = new Place()
  const { stdout, stderr, failed } = await new Promise<{ stdout: string; stderr: string; failed: boolean }>(resolve =>
    execFile('unshare', ['-m', 'sh', '-c', script, 'sh', house.folder, PROGRAM], (error, out, err) =>
      resolve({ stdout: out, stderr: err, failed: error !== null }),
    ),
  )
  if (failed && /unshare|mount/.test(stderr)) return t.skip('mounting needs root')
  assert.match(stderr, /^Error: the repo at .* is on read-only media, where a daemon cannot work\nhint: /)
  assert.equal(stdout, 'status 1\n')
})

const kubo = process.env.KUBO_BIN || undefined

test('each speaks to the daemon of the other', {
  skip: kubo === undefined ? 'KUBO_BIN names no Kubo' : false,
}, async () => {
  using house = await House.make()
  const env = { PATH: process.env.PATH, HOME: house.folder, IPFS_PATH: house.path('kubo') }
  const run = (...words: string[]): Promise<string> =>
    new Promise(resolve =>
      execFile(kubo ?? '', words, { env, cwd: house.folder }, (_, stdout) => resolve(stdout.replace(/\n$/, ''))),
    )
  await run('init', '--profile=test')
  const theirs = spawn(kubo ?? '', ['daemon', '--offline'], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  const over = ended(theirs)
  const ready = printed(theirs, /Daemon is ready/)
  await using ours = await house.daemon()
  try {
    await ready
    writeFileSync(house.path('file'), 'of both')
    const there = readFileSync(house.path('kubo/api'), 'utf8')
    for (const words of [
      ['id', '-f=<id>'],
      ['add', '-Q', 'file'],
      ['files', 'ls', '/'],
      ['pin', 'ls', '--type=recursive', '-q'],
      ['block', 'stat', 'bafkqaaik'],
      ['refs', 'local'],
    ]) {
      assert.equal((await house.run(['--api', there, ...words])).stdout.trimEnd(), await run(...words), words.join(' '))
    }
    const here = house.read('api')
    const cid = await run('--api', here, 'add', '-Q', house.path('file'))
    assert.equal(await run('--api', here, 'cat', cid), 'of both')
    assert.equal(await house.ok(['cat', cid]), 'of both')
    assert.ok((await run('--api', here, 'pin', 'ls', '--type=recursive', '-q')).split('\n').includes(cid))
    assert.equal(await run('--api', here, 'diag', 'healthy'), '"ok"')
  } finally {
    theirs.kill()
    await over
    await ours.stop()
  }
})
