import { defineCommand } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { flag, optionalArgument } from '../contract/params.ts'

interface Checked {
  readonly Check: string
  readonly State: 'ok' | 'warning' | 'failed'
  readonly Message: string
  readonly Hint?: string
}

export const doctor = defineCommand({
  path: 'doctor',
  summary: 'Look for what is wrong with the repo, or with one object',
  description:
    'Checks the repo: whether it can be read and written, who else may read its secrets, config, free space, the ' +
    'daemon, MFS and pins. With a CID it is the object instead: whether all of it is here, whether it is pinned, and ' +
    'unless --offline is given, who provides it. Nothing is changed. The status is 0 when nothing has failed.',
  examples: [
    { line: 'tsipfs doctor', explains: 'Check the repo.' },
    { line: 'tsipfs doctor --pins', explains: 'Look at every block below every pin too.' },
    { line: 'tsipfs doctor bafy…', explains: 'Find out why an object cannot be had.' },
  ],
  needs: 'repo',
  result: { Check: 'text', State: 'text: ok, warning or failed', Message: 'text', 'Hint?': 'text' },
  params: {
    cid: optionalArgument('ipfs-path', 'An object to look into', { complete: 'cid' }),
    pins: flag('Look at all below the pins'),
  },
  async *run(input, { node, signal }) {
    const { examineCid, examineRepo } = await import('../node/doctor.ts')
    const findings =
      input.cid === undefined
        ? examineRepo(node, { signal, pins: input.pins })
        : examineCid(node, await objectOf(input.cid), { signal })
    let failed = 0
    for await (const { check, state, message, hint } of findings) {
      if (state === 'failed') failed += 1
      yield { Check: check, State: state, Message: message, ...(hint === undefined ? {} : { Hint: hint }) } as Checked
    }
    if (failed > 0) throw new Failure('failed', `${failed} check${failed === 1 ? '' : 's'} failed`)

    async function objectOf(text: string) {
      const { resolveContentPath } = await import('../node/content-path.ts')
      return await resolveContentPath(node, text, { signal })
    }
  },
  async render(outputs, { out, colour }) {
    const paint = { ok: colour.green, warning: colour.yellow, failed: colour.red }
    for await (const { Check, State, Message, Hint } of outputs) {
      await out.write(`${paint[State](State.padEnd(7))}  ${Check}: ${Message}\n`)
      if (Hint !== undefined) await out.write(`         hint: ${Hint}\n`)
    }
  },
})
