import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { flag } from '../../contract/params.ts'

interface BadNode {
  readonly Cid: string
  readonly Err: string
}

interface Verified {
  readonly Cid: string
  readonly Ok?: boolean
  readonly BadNodes?: readonly BadNode[]
}

export const pinVerify = defineCommand({
  path: 'pin verify',
  summary: 'Verify that recursive pins are complete',
  description:
    'Looks at every block below every recursive pin, once, and names those that are missing or damaged. Leaves are ' +
    'looked up in the index, not read: "tsipfs repo verify" reads everything. The status is 3 when a pin is broken.',
  examples: [
    { line: 'tsipfs pin verify', explains: 'Report broken pins.' },
    { line: 'tsipfs pin verify --verbose', explains: 'Report all pins.' },
  ],
  needs: 'repo',
  result: { Cid: 'cid', 'Ok?': 'flag', 'BadNodes?': [{ Cid: 'cid', Err: 'text' }] },
  params: {
    verbose: flag('Also print the pins that are whole'),
    quiet: flag('Print just the CIDs of broken pins', { short: 'q' }),
  },
  check(input) {
    if (input.verbose && input.quiet) {
      throw new Failure('usage', 'the --verbose and --quiet options can not be used at the same time')
    }
  },
  async *run(input, { node, globals, signal }) {
    const [{ PinVerifier }, { formatCid }] = await Promise.all([
      import('../../node/pin-verify.ts'),
      import('../../node/cid.ts'),
    ])
    const verifier = new PinVerifier(node.repo.blocks)
    let broken = 0
    for await (const { cid } of node.repo.pins.list({ mode: 'recursive' })) {
      const bad = await verifier.verify(cid, { signal })
      if (bad.length > 0) broken += 1
      const Cid = formatCid(cid, globals)
      const badNodes = bad.map(({ cid: found, cause }) => ({ Cid: formatCid(found, globals), Err: cause }))
      if (bad.length > 0) yield { Cid, ...(input.quiet ? {} : { BadNodes: badNodes }) } as Verified
      else if (input.verbose) yield { Cid, Ok: true } as Verified
    }
    if (broken > 0) {
      throw new Failure('not-found', broken === 1 ? '1 pin is broken' : `${broken} pins are broken`, {
        hint: 'fetch what is missing with tsipfs pin add, or look for damage with tsipfs repo verify',
      })
    }
  },
  async render(outputs, { input, out }) {
    for await (const { Cid, Ok, BadNodes = [] } of outputs) {
      if (input.quiet) await out.write(`${Cid}\n`)
      else await out.write(`${Cid} ${Ok === true ? 'ok' : 'broken'}\n`)
      for (const { Cid: bad, Err } of BadNodes) await out.write(`  ${bad}: ${Err}\n`)
    }
  },
})
