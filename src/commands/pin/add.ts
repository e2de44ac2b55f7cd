import type { CID } from 'multiformats/cid'
import { defineCommand, type ProgressState } from '../../contract/command.ts'
import { parseExpiry, parseLabels } from '../../contract/expiry.ts'
import { argumentList, choice, flag, text, texts } from '../../contract/params.ts'

interface Added {
  readonly Pins?: readonly string[]
  readonly Progress?: number
  readonly Bytes?: number
}

const PROGRESS_MS = 500

export const pinAdd = defineCommand({
  path: 'pin add',
  summary: 'Pin objects to the repo',
  description:
    'Keeps objects from garbage collection: with all below them, or the single block with --recursive=false. What is ' +
    'not here is fetched first. Pinning a second time with another name renames the pin. With --expires the pin stops to ' +
    'count at that time (30d, 2w, 12h, 2030-01-31) and the next collection takes the object away; a pin that lasts ' +
    'longer is not cut short. Labels are for listing: a label with an empty value is taken away.',
  examples: [
    { line: 'tsipfs pin add bafy…', explains: 'Pin a whole DAG.' },
    { line: 'tsipfs pin add --name=release-1 bafy…', explains: 'Give the pin a name.' },
    { line: 'tsipfs pin add --expires=30d --label branch=main bafy…', explains: 'Keep it for 30 days, with a label.' },
  ],
  needs: 'repo',
  createsRepo: true,
  writes: true,
  output: input => (input.progress ? 'stream' : 'value'),
  result: { 'Pins?': ['cid'], 'Progress?': 'int: nodes so far', 'Bytes?': 'int' },
  outputs: { cid: 'Pins.0' },
  items: { at: 'Pins', name: 'Cid' },
  params: {
    path: argumentList('ipfs-path', 'Objects to be pinned', { stdin: true, complete: 'cid' }),
    recursive: flag('Pin all that lies below the objects too', { short: 'r', initial: true }),
    name: text('A name for the pins', { short: 'n' }),
    expires: text('When the pins expire; they do not unless given', { placeholder: 'time' }),
    label: texts('A label for the pins, key=value', { placeholder: 'key=value' }),
    progress: flag('Show progress'),
    fastProvideRoot: choice('Announce the root at once, besides the regular queue'),
    fastProvideDag: choice('Announce all of the DAG by Provide.Strategy after pinning'),
    fastProvideWait: choice('Wait until that is done'),
  },
  check(input) {
    parseExpiry(input.expires ?? 'never', Date.now())
    parseLabels(input.label)
  },
  async *run(input, { node, globals, signal }) {
    const [{ resolvePath }, { formatCid }, { addPin, checkPinName }] = await Promise.all([
      import('../../node/path.ts'),
      import('../../node/cid.ts'),
      import('../../node/pinner.ts'),
    ])
    checkPinName(input.name)
    const marks = { expires: parseExpiry(input.expires ?? 'never', Date.now()), labels: parseLabels(input.label) }
    const pinned: string[] = []
    const roots: CID[] = []
    const reports = new Reports()
    const work = async (stop: AbortSignal): Promise<void> => {
      for (const path of input.path) {
        const { cid } = await resolvePath(node, path, { signal: stop })
        const visited = (size: number): void => reports.count(size)
        await addPin(node, cid, { recursive: input.recursive, name: input.name, ...marks, signal: stop, visited })
        pinned.push(formatCid(cid, globals))
        roots.push(cid)
      }
    }
    if (input.progress) yield* reports.during(work, signal)
    else await work(signal)
    const { announceRoots } = await import('../../node/provide-queue.ts')
    // As in Kubo, a pin that nobody heard of is a pin.
    await announceRoots(node, roots, { ...input, pinned: true, isFatal: false }, { signal })
    yield { Pins: pinned } as Added
  },
  progressOf,
  async render(outputs, { input, out, progress }) {
    for await (const output of outputs) {
      const { Pins } = output
      if (Pins === undefined) {
        progress.update(progressOf(output) ?? { done: 0 })
        continue
      }
      await progress.clear()
      for (const pin of Pins) await out.write(`pinned ${pin} ${input.recursive ? 'recursively' : 'directly'}\n`)
    }
  },
})

function progressOf({ Pins, Progress, Bytes = 0 }: Added): ProgressState | undefined {
  return Pins === undefined ? { label: `Fetched/Processed ${Progress} nodes`, done: Bytes, unit: 'bytes' } : undefined
}

/** Counts blocks, and reports them twice a second for as long as the work goes on. */
class Reports {
  #nodes = 0
  #bytes = 0

  count(size: number): void {
    this.#nodes += 1
    this.#bytes += size
  }

  async *during(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): AsyncIterable<Added> {
    const { setTimeout: sleep } = await import('node:timers/promises')
    const stop = new AbortController()
    let isDone = false
    const done = work(AbortSignal.any([signal, stop.signal])).finally(() => {
      isDone = true
    })
    // Whoever awaits `done` below sees its failure; this keeps it from being called unhandled before.
    const ended = done.catch(() => undefined)
    try {
      while (!isDone) {
        const tick = new AbortController()
        await Promise.race([ended, sleep(PROGRESS_MS, undefined, { signal: tick.signal }).catch(() => undefined)])
        tick.abort()
        if (!isDone) yield this.#record()
      }
    } finally {
      stop.abort()
      await ended
    }
    await done
    if (this.#nodes > 0) yield this.#record()
  }

  #record(): Added {
    return { Progress: this.#nodes, ...(this.#bytes === 0 ? {} : { Bytes: this.#bytes }) }
  }
}
