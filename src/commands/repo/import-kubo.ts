import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argument, flag } from '../../contract/params.ts'

interface Event {
  /** A block that could not be taken over, and why. */
  readonly Damaged?: string
  readonly Reason?: string
  /** Blocks looked at, and the share of the whole that this is. */
  readonly Progress?: number
  readonly Share?: number
  readonly Summary?: Summary
}

interface Summary {
  readonly Blocks: number
  readonly Present: number
  readonly Bytes: number
  readonly Damaged: number
  readonly Pins: number
  readonly MfsRoot: string
  readonly MfsTaken: boolean
  readonly Keys: readonly string[]
  readonly KeysKept: readonly string[]
  readonly Config: boolean
  readonly FileBlocks: number
}

export const repoImportKubo = defineCommand({
  path: 'repo import-kubo',
  summary: 'Copy everything out of a Kubo repo',
  description:
    'Copies the blocks of a Kubo repo, each checked, its pins with their names, its MFS, its keys and its config into ' +
    'this repo. Nothing is written there, and its daemon may run. It can be interrupted and repeated: what is here is ' +
    'not read again. The config is taken over but for the identity, the datastore, and the addresses of API and ' +
    'gateway. Two running nodes must not share an identity: with --identity leave Kubo off from then on. Blocks in ' +
    'flatfs and state in LevelDB, which is what Kubo makes, are read from disk; for a repo with another datastore ' +
    'start `ipfs daemon --offline` on it first.',
  examples: [
    { line: 'tsipfs repo import-kubo ~/.ipfs', explains: 'Move in from Kubo.' },
    { line: 'tsipfs repo import-kubo --config=false /mnt/old/.ipfs', explains: 'Leave the config as it is.' },
  ],
  needs: 'repo',
  createsRepo: true,
  writes: true,
  localOnly: true,
  result: { 'Damaged?': 'text', 'Reason?': 'text', 'Progress?': 'int', 'Share?': 'number', 'Summary?': { '*': 'any' } },
  params: {
    path: argument('path', 'Folder of the Kubo repo', { complete: 'folder' }),
    config: flag('Take over the config', { initial: true }),
    identity: flag('Take over the identity of the node'),
  },
  async *run(input, { node, globals, signal }): AsyncGenerator<Event> {
    const [{ importKubo }, { formatCid }] = await Promise.all([
      import('../../node/import-kubo.ts'),
      import('../../node/cid.ts'),
    ])
    for await (const event of importKubo(node.repo, input.path, { ...input, signal })) {
      if (event.kind === 'progress') yield { Progress: event.done, Share: event.share }
      else if (event.kind === 'damaged') yield { Damaged: event.name, Reason: event.reason }
      else {
        const { summary } = event
        yield {
          Summary: {
            Blocks: summary.blocks,
            Present: summary.present,
            Bytes: summary.bytes,
            Damaged: summary.damaged,
            Pins: summary.pins,
            MfsRoot: summary.mfsRoot === undefined ? '' : formatCid(summary.mfsRoot, globals),
            MfsTaken: summary.mfsTaken,
            Keys: summary.keys,
            KeysKept: summary.keysKept,
            Config: summary.config,
            FileBlocks: summary.fileBlocks,
          },
        }
        if (summary.damaged > 0) {
          throw new Failure('data-mismatch', `${summary.damaged} blocks are damaged and were left out`, {
            hint: 'all else is here; add the same data again, or run: tsipfs repo verify --heal',
          })
        }
      }
    }
  },
  async render(outputs, { out, err, progress }) {
    for await (const { Damaged, Reason, Progress, Share, Summary } of outputs) {
      if (Progress !== undefined) {
        const total = (Share ?? 0) > 0 ? Math.round(Progress / (Share ?? 1)) : undefined
        progress.update({ label: 'blocks', done: Progress, total, unit: 'items' })
        continue
      }
      await progress.clear()
      if (Damaged !== undefined) await err.write(`damaged: ${Damaged}: ${Reason ?? ''}\n`)
      if (Summary !== undefined) await out.write(textOf(Summary))
    }
    await progress.clear()
  },
})

function textOf(summary: Summary): string {
  const lines = [
    `blocks   ${summary.Blocks} copied (${summary.Bytes} bytes), ${summary.Present} here already`,
    `pins     ${summary.Pins}`,
    `mfs      ${summary.MfsRoot === '' ? 'none' : summary.MfsRoot}`,
    `keys     ${summary.Keys.length === 0 ? 'none' : summary.Keys.join(', ')}`,
    `config   ${summary.Config ? 'taken over' : 'left as it is'}`,
  ]
  if (summary.MfsRoot !== '' && !summary.MfsTaken) {
    lines[2] += ` not taken over: MFS is not empty (tsipfs files cp /ipfs/${summary.MfsRoot} /kubo)`
  }
  if (summary.KeysKept.length > 0) lines.push(`left out ${summary.KeysKept.join(', ')}: other keys are called so here`)
  if (summary.FileBlocks > 0) {
    lines.push(`left out ${summary.FileBlocks} blocks that lie in your own files: add those again with --nocopy`)
  }
  return `${lines.join('\n')}\n`
}
