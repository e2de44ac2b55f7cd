import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { flag, optionalArgument } from '../../contract/params.ts'

export const filesChroot = defineCommand({
  path: 'files chroot',
  summary: 'Change the root of MFS',
  description:
    'Makes another folder, which has to be in the repo, the root of MFS; without an argument an empty one. It repairs ' +
    'an MFS whose root is lost. What only the old root held is taken by the next garbage collection: pin it first to ' +
    'keep it.',
  examples: [
    { line: 'tsipfs files chroot --confirm', explains: 'Begin anew with an empty folder.' },
    { line: 'tsipfs files chroot --confirm bafy…', explains: 'Go back to a root that is known to be good.' },
  ],
  needs: 'repo',
  output: 'value',
  writes: true,
  localOnly: true,
  experimental: true,
  result: { Message: 'text', '*': 'any' },
  params: {
    cid: optionalArgument('cid', 'The new root; an empty folder when left out', { complete: 'cid' }),
    confirm: flag('Confirm that the old root may be lost'),
  },
  check(input) {
    if (input.confirm) return
    throw new Failure('usage', 'this is a potentially destructive operation; pass --confirm to proceed')
  },
  async *run(input, { node, globals, signal }) {
    const [{ setMfsRoot }, { formatCid, parseCid }] = await Promise.all([
      import('../../node/mfs/chroot.ts'),
      import('../../node/cid.ts'),
    ])
    const { old, root } = await setMfsRoot(
      node,
      input.cid === undefined ? undefined : parseCid(input.cid.replace(/^(\/ipfs\/|ipfs:\/\/|ipfs:)/, '')),
      { signal },
    )
    const next = formatCid(root, globals)
    const previous = old === undefined ? undefined : formatCid(old, globals)
    yield {
      Message:
        previous === undefined
          ? `MFS root set to ${next}\n`
          : `MFS root changed from ${previous} to ${next}\n` +
            `The old root ${previous} will be garbage collected unless pinned.\n`,
    }
  },
  async render(outputs, { out }) {
    for await (const { Message } of outputs) await out.write(Message)
  },
})
