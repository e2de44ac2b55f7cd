import type { CID } from 'multiformats/cid'
import { defineCommand } from '../../contract/command.ts'
import { parseDuration } from '../../contract/duration.ts'
import { Failure } from '../../contract/failure.ts'
import { flag, text } from '../../contract/params.ts'
import type { Fate, Finding } from '../../node/repo-verify.ts'

interface Progress {
  readonly Msg: string
  readonly Progress: number
  /** Blocks to look at. */
  readonly Total?: number
}

export const repoVerify = defineCommand({
  path: 'repo verify',
  summary: 'Check every block of the repo',
  description:
    'Reads every block and compares it with its hash, then looks whether every pin is whole, and names each block that is ' +
    'damaged or missing and each pin that this breaks. Nothing is changed, unless --drop or --heal says so. Adding the same ' +
    'data again heals it too. The status is 6 when there is damage.',
  examples: [
    { line: 'tsipfs repo verify', explains: 'Look for damage.' },
    { line: 'tsipfs repo verify --drop', explains: 'Remove damaged blocks.' },
    { line: 'tsipfs repo verify --heal', explains: 'Fetch damaged and missing blocks from the network.' },
  ],
  needs: 'repo',
  result: { Msg: 'text', Progress: 'int', 'Total?': 'int' },
  params: {
    drop: flag('Remove corrupt blocks from datastore (destructive operation)'),
    heal: flag('Remove corrupt blocks and re-fetch from network (destructive operation, implies --drop)'),
    healTimeout: text('Maximum time to wait for each block heal (e.g., "30s"); only applies with --heal', {
      initial: '30s',
      placeholder: 'duration',
    }),
  },
  check(input) {
    if (parseDuration(input.healTimeout, 'heal-timeout') < 0) throw new Failure('usage', 'heal-timeout must be >= 0')
  },
  async *run(input, { node, globals, signal }) {
    const [{ verifyRepo }, { formatCid }] = await Promise.all([
      import('../../node/repo-verify.ts'),
      import('../../node/cid.ts'),
    ])
    if (input.heal && globals.offline) {
      throw new Failure('failed', 'healing needs the network', { hint: 'leave out --offline' })
    }
    const drop = input.drop || input.heal
    const tally = new Tally()
    const options = { drop, heal: input.heal, healTimeoutMs: parseDuration(input.healTimeout), signal }
    for await (const finding of verifyRepo(node, options)) {
      tally.add(finding)
      if (finding.kind === 'progress') yield { Msg: '', Progress: finding.done, Total: finding.total } as Progress
      else yield { Msg: textOf(finding, cid => formatCid(cid, globals)), Progress: 0 } as Progress
    }
    if (tally.fails(drop)) {
      throw new Failure('data-mismatch', tally.summary, {
        hint: 'add the same data again, or fetch it with: tsipfs repo verify --heal',
      })
    }
    yield { Msg: tally.summary, Progress: 0 } as Progress
  },
  async render(outputs, { out, progress }) {
    for await (const { Msg, Progress, Total } of outputs) {
      if (Msg === '') {
        progress.update({ label: 'blocks processed', done: Progress, total: Total, unit: 'items' })
        continue
      }
      await progress.clear()
      await out.write(`${Msg}\n`)
    }
    await progress.clear()
  },
})

/** Counts what was found. */
class Tally {
  #corrupt = 0
  #missing = 0
  #broken = 0
  readonly #fates: Record<Fate['kind'], number> = { left: 0, removed: 0, kept: 0, healed: 0, lost: 0 }

  add(finding: Finding): void {
    if (finding.kind === 'missing') this.#missing++
    if (finding.kind === 'broken') this.#broken++
    if (finding.kind !== 'corrupt') return
    this.#corrupt++
    this.#fates[finding.fate.kind]++
  }

  /** Damage that was removed as asked, or brought back, is no failure, though the pins that it breaks are named. */
  fails(drop: boolean): boolean {
    const { kept, lost } = this.#fates
    return kept + lost + this.#missing > 0 || (this.#corrupt > 0 && !drop)
  }

  /** In the words of the reference implementation, and what it does not look for. */
  get summary(): string {
    if (this.#corrupt + this.#missing + this.#broken === 0) return 'verify complete, all blocks validated.'
    const { removed, kept, healed, lost } = this.#fates
    const parts: [number, string][] = [
      [removed + healed + lost, 'removed'],
      [kept, 'failed to remove'],
      [healed, 'healed'],
      [lost, 'failed to heal'],
      [this.#missing, this.#missing === 1 ? 'block missing' : 'blocks missing'],
      [this.#broken, this.#broken === 1 ? 'pin broken' : 'pins broken'],
    ]
    const counted = parts.filter(([count]) => count > 0).map(([count, what]) => `, ${count} ${what}`)
    return `verify complete, ${this.#corrupt} blocks corrupt${counted.join('')}`
  }
}

function textOf(finding: Exclude<Finding, { kind: 'progress' }>, format: (cid: CID) => string): string {
  switch (finding.kind) {
    case 'corrupt':
      return `block ${format(finding.cid)} was corrupt (${finding.reason})${FATES[finding.fate.kind](finding.fate)}`
    case 'missing':
      return `block ${format(finding.cid)} is missing`
    case 'broken': {
      const { pin, blocks } = finding
      const name = pin.name === '' ? '' : ` "${pin.name}"`
      return `pin ${format(pin.cid)}${name} is broken: ${blocks} ${blocks === 1 ? 'block' : 'blocks'} damaged or missing`
    }
  }
}

const causeOf = (fate: Fate): string => ('cause' in fate ? fate.cause : '')

const FATES: Readonly<Record<Fate['kind'], (fate: Fate) => string>> = {
  left: () => '',
  removed: () => ', removed',
  kept: fate => `, failed to remove (${causeOf(fate)})`,
  healed: () => ', removed, healed',
  lost: fate => `, removed, failed to heal (${causeOf(fate)})`,
}
