import { defineCommand } from '../../contract/command.ts'
import { flag } from '../../contract/params.ts'
import type { RepairEvent } from '../../repo/repair.ts'

interface Step {
  /** `sound`, `cause`, `pack`, `roots` or `kept`. */
  readonly Step: string
  readonly Message: string
  readonly Blocks?: number
  readonly Damaged?: number
  readonly Pins?: number
}

export const repoRepair = defineCommand({
  path: 'repo repair',
  summary: 'Rebuild a lost or damaged state database',
  description:
    'Reads all packs and the journal of pins and roots, and builds the state database anew from them. Does nothing when ' +
    'the database is sound. No other command may use the repo meanwhile. What was there is kept beside it. Blocks that ' +
    'were added with --nocopy are not in packs: add them again.',
  examples: [
    { line: 'tsipfs repo repair', explains: 'Rebuild the state database if that is needed.' },
    { line: 'tsipfs repo repair --force', explains: 'Rebuild it in any case.' },
  ],
  needs: 'nothing',
  localOnly: true,
  result: { Step: 'text', Message: 'text', 'Blocks?': 'int', 'Damaged?': 'int', 'Pins?': 'int' },
  params: { force: flag('Rebuild the database even when it is sound') },
  async *run(input, { repoPath, globals, signal }) {
    const [{ requireRepo }, { repairRepo }, { openConfig }, { blocksKind }] = await Promise.all([
      import('../../repo/open.ts'),
      import('../../repo/repair.ts'),
      import('../../repo/config.ts'),
      import('../../repo/config-defaults.ts'),
    ])
    const layout = await requireRepo(repoPath)
    const engine = blocksKind(await openConfig(layout.root, globals).readFile())
    const events = repairRepo(layout, {
      ...{ engine, force: input.force, lockTimeoutMs: globals.lockTimeoutMs, signal },
      checkOther: async (cid, bytes) => (await import('../../node/hash.ts')).checkBlock(cid, bytes),
    })
    for await (const event of events) yield stepOf(event) as Step
  },
  async render(outputs, { out, err }) {
    for await (const { Step, Message } of outputs) await (Step === 'pack' ? err : out).write(`${Message}\n`)
  },
})

function stepOf(event: RepairEvent): Step {
  switch (event.kind) {
    case 'sound':
      return { Step: 'sound', Message: 'the state database is sound' }
    case 'cause':
      return { Step: 'cause', Message: `rebuilding the state database: ${event.text}` }
    case 'pack': {
      const { name, blocks, damaged } = event
      const note = damaged === 0 ? '' : `, ${damaged} damaged`
      return { Step: 'pack', Message: `${name}: ${blocks} blocks${note}`, Blocks: blocks, Damaged: damaged }
    }
    case 'roots': {
      const { pins, values, damagedLines } = event
      const note = damagedLines === 0 ? '' : `; ${damagedLines} lines of the journal were damaged`
      return { Step: 'roots', Message: `restored ${pins} pins and ${values} values${note}`, Pins: pins }
    }
    case 'kept':
      return { Step: 'kept', Message: `the old state database was kept as ${event.path}` }
  }
}
