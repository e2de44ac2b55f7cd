/** Networks that delay, lose and break off, in network namespaces. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { Daemon, KUBO } from './daemons.ts'
import { buildGoPeer } from './go-peer.ts'
import { Host, Wire, withoutNamespaces } from './namespaces.ts'
import { ended, seeded } from './program.ts'

const BASE = '/dev/shm'
const MIB = 1024 * 1024
const skip = withoutNamespaces() ?? buildGoPeer() ?? false

/** Two daemons, each on a host of its own, with a wire between them. */
class Pair implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack()
  readonly a: Daemon
  readonly b: Daemon
  readonly wire: Wire

  private constructor(stack: AsyncDisposableStack, a: Daemon, b: Daemon, wire: Wire) {
    this.#stack = stack
    this.a = a
    this.b = b
    this.wire = wire
  }

  static async start(programs: readonly [string?, string?] = []): Promise<Pair> {
    await using stack = new AsyncDisposableStack()
    const hosts = [stack.use(new Host('a')), stack.use(new Host('b'))] as const
    const wire = stack.use(await Wire.lay(hosts, ['10.77.0.1/24', '10.77.0.2/24']))
    const [a, b] = await Promise.all(
      hosts.map((host, at) => {
        const program = programs[at]
        return Daemon.start({
          base: BASE,
          within: host.within,
          ...(program === undefined ? {} : { program }),
          config: { 'Addresses.Swarm': [`/ip4/10.77.0.${at + 1}/tcp/4001`], 'Routing.Type': 'none' },
        })
      }),
    )
    if (a === undefined || b === undefined) throw new Error('no daemons')
    stack.use(a)
    stack.use(b)
    await b.connect(a)
    return new Pair(stack.move(), a, b, wire)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}

async function addFile(on: Daemon, size: number, seed: number): Promise<{ cid: string; bytes: Uint8Array }> {
  const bytes = seeded(size, seed)
  writeFileSync(on.place.path('added'), bytes)
  return { cid: await on.ok(['add', '-Q', 'added']), bytes }
}

async function getsFile(on: Daemon, { cid, bytes }: { cid: string; bytes: Uint8Array }): Promise<number> {
  const begin = performance.now()
  await on.ok(['get', '-o', 'got', cid], { timeoutMs: 120_000 })
  const ms = performance.now() - begin
  assert.ok(Buffer.from(bytes).equals(readFileSync(on.place.path('got'))))
  return ms
}

/** A folder of many files, in subfolders. */
async function addFolder(on: Daemon, files: number): Promise<string> {
  const paths: string[] = []
  for (let at = 0; at < files; at++) {
    const path = on.place.path(`file${at}`)
    writeFileSync(path, `${at} ${'x'.repeat(500)}`)
    paths.push(path)
  }
  return await on.ok(['add', '-Q', '-w', ...paths])
}

for (const quality of [{ delayMs: 20 }, { delayMs: 10, loss: 0.003 }, { loss: 0.02 }]) {
  test(`fetches over a wire of ${JSON.stringify(quality)}`, { skip }, async (t: TestContext) => {
    const times: string[] = []
    for (const program of [undefined, ...(KUBO === undefined ? [] : [KUBO])]) {
      await using pair = await Pair.start([program, program])
      await pair.wire.set(quality)
      const { a, b } = pair
      const file = await getsFile(b, await addFile(a, 4 * MIB, 1))
      const folder = await addFolder(a, 200)
      const begin = performance.now()
      await b.ok(['refs', '-r', folder], { timeoutMs: 60_000 })
      const many = performance.now() - begin
      times.push(
        `${program === undefined ? 'ours' : 'Kubo'}: 4 MiB ${Math.round(file)} ms, 200 files ${Math.round(many)} ms`,
      )
    }
    t.diagnostic(times.join('; '))
  })
}

test('a wire that is cut and mended in the middle of a transfer', { skip }, async (t: TestContext) => {
  await using pair = await Pair.start()
  const { a, b, wire } = pair
  await wire.set({ delayMs: 20 })
  const file = await addFile(a, 16 * MIB, 2)
  const getting = getsFile(b, file)
  await b.until(['bitswap', 'stat'], text => Number(/blocks received: (\d+)/.exec(text)?.[1]) > 5)
  await wire.set({ cut: true })
  // How long the wire is cut is what is tested.
  await new Promise(resolve => setTimeout(resolve, 3_000))
  const { lost } = await wire.set({ delayMs: 5 })
  const ms = await getting
  assert.ok(lost > 0)
  t.diagnostic(`3 s cut, ${lost} frames lost: ${Math.round(ms)} ms in all`)
})

test('a daemon that is killed and starts again in the middle of a transfer', { skip }, async (t: TestContext) => {
  await using pair = await Pair.start()
  const { a, b, wire } = pair
  await wire.set({ delayMs: 20 })
  const file = await addFile(a, 16 * MIB, 3)
  const getting = getsFile(b, file)
  await b.until(['bitswap', 'stat'], text => Number(/blocks received: (\d+)/.exec(text)?.[1]) > 5)
  await a.kill()
  await a.restart()
  await b.connect(a)
  t.diagnostic(`killed and started again: ${Math.round(await getting)} ms in all`)
})

test('nobody answers any more: the fetch ends when it has stalled, and says so', { skip }, async () => {
  await using pair = await Pair.start()
  const { a, b, wire } = pair
  await wire.set({ delayMs: 20 })
  const { cid } = await addFile(a, 16 * MIB, 4)
  const get = b.start(['get', '-o', 'got', '--stall-timeout=3s', cid])
  const over = ended(get)
  await b.until(['bitswap', 'stat'], text => Number(/blocks received: (\d+)/.exec(text)?.[1]) > 5)
  await wire.set({ cut: true })
  const begin = performance.now()
  const { status, stderr } = await over
  assert.equal(status, 4, stderr)
  assert.ok(performance.now() - begin < 10_000)
})

test('messages of pubsub arrive whole over a wire that loses', { skip }, async () => {
  await using pair = await Pair.start()
  const { a, b, wire } = pair
  const subscription = b.start(['pubsub', 'sub', '--count=300', '--format=lines', 'news'])
  const over = ended(subscription)
  await a.until(['pubsub', 'peers', 'news'], text => text.includes(b.peer))
  await wire.set({ delayMs: 10, loss: 0.03 })
  const lines = Array.from({ length: 300 }, (_, at) => `${at} ${'x'.repeat(1_000)}`)
  await a.ok(['pubsub', 'pub', '--lines', 'news'], { input: lines.join('\n') })
  const { stdout } = await over
  assert.deepEqual(new Set(stdout.trim().split('\n')), new Set(lines))
})
