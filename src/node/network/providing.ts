import { setTimeout as later } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import { Failure } from '../../contract/failure.ts'
import { clearQueue } from '../provide-clear.ts'
import { PROVIDE_QUEUE_KEY, queuedProvides } from '../provide-queue.ts'
import { BackOff } from './back-off.ts'
import type { BitswapView, ProvideStat, Providing, Routing } from './network.ts'
import type { Part, PartContext } from './parts.ts'
import { dagHere, provideKeys } from './provide-keys.ts'
import { type ProvideSettings, provideSettings } from './provide-settings.ts'
import { RegionalProvider } from './regional-provider.ts'
import { Sweep, type SweepState } from './sweep.ts'
import { overEach } from './workers.ts'

/** When everything was last provided again: milliseconds since 1970, eight bytes. */
const LAST_KEY = '/local/reprovide/last'
const STRATEGY_KEY = '/local/reprovide/strategy'
/** How soon what other processes queued is noticed. */
const LOOK_PERIOD_MS = 1_000
/** Without peers, and between two rounds of providing again, nothing is looked for more often than this. */
const REST_PERIOD_MS = 60_000
/** The first peer is left in peace for so long: whoever has connected to it wants something of it. */
const SETTLE_MS = 1_500
const PROVIDE_TIMEOUT_MS = 60_000
/** Between two keys that are provided again by themselves, at most. */
const PACE_MAX_MS = 1_000
/** Between two keys below something that was added. */
const QUEUE_PACE_MS = 100
/** So many are provided without a pause. */
const UNPACED_MAX = 16
/** Blocks wait to be provided while others are sent or fetched, and for so long after; but none for longer than this. */
const QUIET_MS = 1_000
const QUIET_WAIT_MS_MAX = 10_000
const QUIET_LOOK_MS = 250
/** Keys that are taken from the queue in one step. */
const DONE_MAX = 64
/** When so many wait, they are provided by regions of the keyspace, and not with a lookup for each. */
const TOGETHER_MIN = 64
/** Keys that are held at a time. */
const GATHERED_MAX = 16_384

/** Returns what tells others, through routing, what this node has. In a daemon it works on, by itself. */
export async function createProviding(
  context: PartContext,
  routing: Routing,
  bitswap: Pick<BitswapView, 'transferredAt'>,
): Promise<Part<Providing>> {
  const isDaemon = context.identity === 'repo' && !context.node.repo.readOnly
  // What is gone soon provides nothing: a config that cannot be concerns the daemon alone.
  const provider = new Provider(context, routing, bitswap, provideSettings(isDaemon ? context.config : {}))
  if (isDaemon) await provider.start()
  return provider
}

type Work = 'provide' | 'reprovide'

class Provider implements Providing {
  readonly #context: PartContext
  readonly #routing: Routing
  readonly #bitswap: Pick<BitswapView, 'transferredAt'>
  readonly #settings: ProvideSettings
  readonly #startedAt = Date.now()
  readonly #sleepers = new Set<() => void>()
  /** Each kind of work has its own: what one has met in vain must not make the other wait. */
  readonly #backOffs: Readonly<Record<Work, BackOff>> = { provide: new BackOff(), reprovide: new BackOff() }
  #connectedSince: number | undefined
  #counts = { provided: 0, records: 0, failed: 0, reprovided: 0, ongoing: 0, reproviding: 0, durationMs: 0 }
  #sweeps: readonly Sweep<unknown>[] = []
  #regional: readonly RegionalProvider<unknown>[] = []
  #last: { readonly at: number; readonly durationMs: number; readonly keys: number } | undefined

  constructor(
    context: PartContext,
    routing: Routing,
    bitswap: Pick<BitswapView, 'transferredAt'>,
    settings: ProvideSettings,
  ) {
    this.#context = context
    this.#routing = routing
    this.#bitswap = bitswap
    this.#settings = settings
  }

  async start(): Promise<void> {
    if (!this.#settings.isEnabled) return
    const { libp2p, signal } = this.#context
    const at = await this.#lastTime()
    if (at !== undefined) this.#last = { at, durationMs: 0, keys: 0 }
    await this.#dropQueueOfOldStrategy()
    const onConnect = (): void => {
      const isFirst = this.#connectedSince === undefined
      this.#connectedSince ??= Date.now()
      this.#retryAll(Date.now() + SETTLE_MS, isFirst)
    }
    // A peer is in no table before it has said what it speaks: what was tried earlier has failed for want of it.
    this.#routing.onPeer(() => {
      // What is due rests while no table has a peer.
      this.#retryAll(Date.now() + SETTLE_MS, false)
    }, signal)
    const onDisconnect = (): void => {
      if (libp2p.getConnections().length === 0) this.#connectedSince = undefined
    }
    libp2p.addEventListener('peer:connect', onConnect)
    libp2p.addEventListener('peer:disconnect', onDisconnect)
    signal.addEventListener('abort', () => {
      libp2p.removeEventListener('peer:connect', onConnect)
      libp2p.removeEventListener('peer:disconnect', onDisconnect)
      this.wake()
    })
    const isAlone = (): boolean => libp2p.getConnections().length === 0
    const { repo } = this.#context.node
    const has = (cid: CID): Promise<boolean> => repo.blocks.has(cid)
    const keyspaces = this.#settings.isSweeping ? this.#routing.keyspaces() : []
    this.#regional = keyspaces.map(keyspace => new RegionalProvider(keyspace, { has, signal }))
    void this.#forever('provide', isAlone, () => this.#provideQueued())
    if (this.#settings.intervalMs === 0) return
    if (this.#settings.isSweeping) {
      this.#sweeps = this.#newSweeps()
      const isResting = (): boolean => isAlone() || this.#sweeps.every(sweep => sweep.isResting)
      void this.#forever('reprovide', isResting, () => this.#sweepWhenDue())
      return
    }
    const isNotDue = (): boolean => isAlone() || Date.now() < this.#dueAt()
    void this.#forever('reprovide', isNotDue, () => this.#reprovideWhenDue())
  }

  wake(): void {
    this.#retryAll(0, false)
  }

  /** Lets all work try again then, and looks at once what is due; `isExact`: and no sooner. */
  #retryAll(at: number, isExact: boolean): void {
    for (const backOff of Object.values(this.#backOffs)) backOff.retry(at, isExact)
    this.#rouse()
  }

  #rouse(): void {
    for (const rouse of this.#sleepers) rouse()
  }

  async stat(): Promise<ProvideStat> {
    const { repo } = this.#context.node
    let queued = 0
    for await (const _ of repo.values.list(PROVIDE_QUEUE_KEY)) queued += 1
    const keys = this.#settings.sources.has('all') ? (await repo.stat()).blocks : (this.#last?.keys ?? 0)
    const { intervalMs } = this.#settings
    return {
      settings: this.#settings,
      startedAt: this.#startedAt,
      connectedSince: this.#connectedSince,
      queued,
      scheduled: intervalMs === 0 ? 0 : keys,
      ...this.#counts,
      lastReprovide: this.#last?.at,
      lastReprovideDurationMs: this.#last?.durationMs ?? 0,
      lastReprovideKeys: this.#last?.keys ?? 0,
      sweeps: this.#sweeps.map((sweep): SweepState => sweep.state),
    }
  }

  async clear(): Promise<number> {
    return await clearQueue(this.#context.node.repo.values)
  }

  async reprovide({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    await this.#reprovideAll(0, signal)
  }

  async #reprovideAll(paceMs: number, signal?: AbortSignal): Promise<void> {
    const { node, signal: closing } = this.#context
    const stop = signal === undefined ? closing : AbortSignal.any([signal, closing])
    const began = Date.now()
    let keys = 0
    const provide = async (cid: CID): Promise<void> => {
      keys += 1
      this.#counts.reproviding += 1
      try {
        if (await this.#provideOne(cid, stop)) this.#counts.reprovided += 1
      } finally {
        this.#counts.reproviding -= 1
      }
    }
    const all = provideKeys(node.repo, this.#settings.sources, { signal: stop })
    await overEach(this.#paced(all, paceMs, stop), this.#settings.workers, provide)
    stop.throwIfAborted()
    this.#last = { at: Date.now(), durationMs: Date.now() - began, keys }
    await this.#storeLast(this.#last.at)
  }

  /** Does a piece of work again and again, seldom while it may rest, until the network ends. What goes wrong is logged. */
  async #forever(name: Work, mayRest: () => boolean, work: () => Promise<void>): Promise<void> {
    const { signal, log } = this.#context
    while (!signal.aborted) {
      try {
        await work()
      } catch (error) {
        if (signal.aborted) return
        log('provider', 'error', `${name}: ${error instanceof Error ? error.message : String(error)}`)
        this.#backOffs[name].delay()
      }
      await this.#sleep(mayRest() ? REST_PERIOD_MS : LOOK_PERIOD_MS)
    }
  }

  async #sleep(ms: number): Promise<void> {
    let rouse: () => void = () => undefined
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms).unref()
      rouse = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#sleepers.add(rouse)
    })
    this.#sleepers.delete(rouse)
  }

  async #provideQueued(): Promise<void> {
    const { node, signal } = this.#context
    if (!this.#mayTry('provide')) return
    const done = new Map<string, undefined>()
    let gathered: CID[] = []
    const provide = async (): Promise<void> => {
      const some = gathered
      gathered = []
      await this.#provideMany(some, signal)
    }
    const forget = async (): Promise<void> => {
      if (done.size === 0) return
      for (const sweep of this.#sweeps) sweep.noteKeys()
      await node.repo.values.batch(done)
      done.clear()
    }
    try {
      const finished: string[] = []
      const finish = async (): Promise<void> => {
        await provide()
        for (const key of finished.splice(0)) done.set(key, undefined)
        if (done.size >= DONE_MAX) await forget()
      }
      for await (const { key, cid, scope } of queuedProvides(node.repo.values)) {
        for await (const each of scope === 'dag' ? dagHere(node.repo, cid, { signal }) : [cid]) {
          gathered.push(each)
          if (gathered.length >= GATHERED_MAX) await provide()
        }
        finished.push(key)
        if (gathered.length >= TOGETHER_MIN) await finish()
      }
      await finish()
      this.#backOffs.provide.reset()
    } catch (error) {
      // Nobody is there, most likely: what is in the queue waits.
      if (!(error instanceof Failure) || signal.aborted) throw error
      this.#backOffs.provide.delay()
    } finally {
      await forget()
    }
  }

  /** Provides the first few, the root among them, at once: whoever looks for what was added looks for that. */
  async #provideMany(cids: readonly CID[], signal: AbortSignal): Promise<void> {
    const rest = cids.slice(UNPACED_MAX)
    const regional = cids.length < TOGETHER_MIN ? [] : this.#regional.filter(({ network }) => !network.isEmpty())
    const pays = await Promise.all(regional.map(provider => provider.pays(rest)))
    const isTogether = pays.length > 0 && pays.every(each => each)
    const single = this.#paced(isTogether ? cids.slice(0, UNPACED_MAX) : cids, QUEUE_PACE_MS, signal)
    await overEach(single, this.#settings.workers, cid => this.#provideHere(cid, signal))
    if (isTogether) await this.#provideByRegions(regional, rest, signal)
  }

  async #provideByRegions(
    regional: readonly RegionalProvider<unknown>[],
    cids: readonly CID[],
    signal: AbortSignal,
  ): Promise<void> {
    let told = 0
    const began = performance.now()
    this.#counts.ongoing += cids.length
    try {
      for (const provider of regional) {
        const done = await provider.provideAll(cids, () => this.#quiet(signal))
        told = Math.max(told, done.told)
        this.#counts.records += done.records
        this.#counts.failed += done.failed
      }
    } finally {
      this.#counts.ongoing -= cids.length
    }
    if (told === 0) throw new Failure('network', 'no peer took the provider records')
    this.#counts.provided += told
    this.#counts.durationMs += performance.now() - began
  }

  async #provideHere(cid: CID, signal: AbortSignal): Promise<void> {
    if (!(await this.#context.node.repo.blocks.has(cid))) return
    this.#counts.ongoing += 1
    const began = performance.now()
    try {
      const records = await this.#routing.provide(cid, { signal: withLimit(signal) })
      this.#counts.provided += 1
      this.#counts.records += records
      this.#counts.durationMs += performance.now() - began
    } catch (error) {
      this.#counts.failed += 1
      throw error
    } finally {
      this.#counts.ongoing -= 1
    }
  }

  /** Provides a block; says whether somebody took it. */
  async #provideOne(cid: CID, signal: AbortSignal): Promise<boolean> {
    try {
      this.#counts.records += await this.#routing.provide(cid, { signal: withLimit(signal) })
      return true
    } catch (error) {
      if (signal.aborted) throw error
      this.#counts.failed += 1
      return false
    }
  }

  #newSweeps(): Sweep<unknown>[] {
    const { node, signal } = this.#context
    const { repo } = node
    return this.#routing.keyspaces().map(
      keyspace =>
        new Sweep(keyspace, {
          values: repo.values,
          keys: () => provideKeys(repo, this.#settings.sources, { signal }),
          has: cid => repo.blocks.has(cid),
          intervalMs: this.#settings.intervalMs,
          signal,
          onProvided: ({ told, failed, records }) => {
            this.#counts.reprovided += told
            this.#counts.failed += failed
            this.#counts.records += records
          },
        }),
    )
  }

  async #sweepWhenDue(): Promise<void> {
    if (!this.#mayTry('reprovide')) return
    for (const sweep of this.#sweeps) {
      await sweep.step()
      const { cycleEnd, cycleMs, cycleKeys } = sweep.state
      if (cycleEnd === undefined || cycleEnd <= (this.#last?.at ?? 0)) continue
      this.#last = { at: cycleEnd, durationMs: cycleMs, keys: cycleKeys }
      await this.#storeLast(cycleEnd)
    }
    this.#backOffs.reprovide.reset()
  }

  async #storeLast(at: number): Promise<void> {
    const stored = new Uint8Array(8)
    new DataView(stored.buffer).setBigUint64(0, BigInt(at))
    await this.#context.node.repo.values.put(LAST_KEY, stored)
  }

  async #reprovideWhenDue(): Promise<void> {
    if (Date.now() < this.#dueAt() || !this.#mayTry('reprovide')) return
    // Without a peer in a table nothing would come of it: the first to fail says so.
    const before = this.#counts.failed
    await this.#probe()
    if (this.#counts.failed > before) this.#backOffs.reprovide.delay()
    else {
      await this.#reprovideAll(await this.#pace())
      this.#backOffs.reprovide.reset()
    }
  }

  /** When everything is to be provided again. */
  #dueAt(): number {
    return (this.#last?.at ?? 0) + this.#settings.intervalMs
  }

  /** Nobody waits for it: what is due is spread, so that it takes little of what fetches and serves need. */
  async #pace(): Promise<number> {
    const { blocks } = await this.#context.node.repo.stat()
    return Math.min(PACE_MAX_MS, this.#settings.intervalMs / 2 / Math.max(1, blocks))
  }

  /** Provides the first of the keys; whoever fails with that need not begin with all of them. */
  async #probe(): Promise<void> {
    const { node, signal } = this.#context
    for await (const cid of provideKeys(node.repo, this.#settings.sources, { signal })) {
      await this.#provideOne(cid, signal)
      return
    }
  }

  /** Yields the first few at once, and waits before each of the others; what is fetched and served goes first. */
  async *#paced(cids: AsyncIterable<CID> | Iterable<CID>, paceMs: number, signal: AbortSignal): AsyncIterable<CID> {
    let count = 0
    for await (const cid of cids) {
      count += 1
      if (paceMs > 0 && count > UNPACED_MAX) await later(paceMs, undefined, { signal, ref: false })
      if (paceMs > 0 && count > 1) await this.#quiet(signal)
      yield cid
    }
  }

  /** Resolves when no blocks travel, or when they have for too long. */
  async #quiet(signal: AbortSignal): Promise<void> {
    const limit = performance.now() + QUIET_WAIT_MS_MAX
    for (;;) {
      const { transferredAt } = this.#bitswap
      const now = performance.now()
      if (transferredAt === 0 || now - transferredAt > QUIET_MS || now > limit) return
      await later(QUIET_LOOK_MS, undefined, { signal, ref: false })
    }
  }

  #mayTry(work: Work): boolean {
    return this.#backOffs[work].isOver && this.#context.libp2p.getConnections().length > 0
  }

  async #lastTime(): Promise<number | undefined> {
    const stored = await this.#context.node.repo.values.get(LAST_KEY)
    if (stored === undefined || stored.length !== 8) return undefined
    return Number(new DataView(stored.buffer, stored.byteOffset).getBigUint64(0))
  }

  /** What was queued under another strategy is not provided under this one, as in Kubo. */
  async #dropQueueOfOldStrategy(): Promise<void> {
    const { values } = this.#context.node.repo
    const before = await values.get(STRATEGY_KEY)
    const { strategy } = this.#settings
    if (before !== undefined && new TextDecoder().decode(before) === strategy) return
    if (before !== undefined) await clearQueue(values)
    await values.put(STRATEGY_KEY, new TextEncoder().encode(strategy))
  }
}

function withLimit(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(PROVIDE_TIMEOUT_MS)])
}
