import { defineCommand } from '../../contract/command.ts'
import { argument, choice, flag } from '../../contract/params.ts'

export const pinUpdate = defineCommand({
  path: 'pin update',
  summary: 'Move a recursive pin to another object',
  description:
    'Pins the new object, with the name of the old pin, and takes the old pin away in the same step. What is not here ' +
    'is fetched first.',
  examples: [{ line: 'tsipfs pin update bafyOLD bafyNEW', explains: 'Keep the new version in place of the old one.' }],
  needs: 'repo',
  writes: true,
  output: 'value',
  result: { Pins: ['cid: the old object, then the new one'] },
  params: {
    from: argument('from-path', 'The old object', { complete: 'pin' }),
    to: argument('to-path', 'The new object', { complete: 'cid' }),
    unpin: flag('Remove the old pin', { initial: true }),
    fastProvideRoot: choice('Announce the root at once, besides the regular queue'),
    fastProvideDag: choice('Announce all of the DAG by Provide.Strategy after pinning'),
    fastProvideWait: choice('Wait until that is done'),
  },
  async *run(input, { node, globals, signal }) {
    const [{ resolvePath }, { formatCid }, { updatePin }] = await Promise.all([
      import('../../node/path.ts'),
      import('../../node/cid.ts'),
      import('../../node/pinner.ts'),
    ])
    const { cid: from } = await resolvePath(node, input.from, { signal })
    const { cid: to } = await resolvePath(node, input.to, { signal })
    await updatePin(node, from, to, { unpin: input.unpin, signal })
    yield { Pins: [formatCid(from, globals), formatCid(to, globals)] }
  },
  async render(outputs, { out }) {
    for await (const { Pins } of outputs) await out.write(`updated ${Pins[0]} to ${Pins[1]}\n`)
  },
})
