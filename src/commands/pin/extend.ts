import { defineCommand } from '../../contract/command.ts'
import { parseExpiry } from '../../contract/expiry.ts'
import { argumentList, flag, text } from '../../contract/params.ts'

interface Extended {
  readonly Cid: string
  /** Absent for a pin that does not expire. */
  readonly Expires?: string
}

export const pinExtend = defineCommand({
  path: 'pin extend',
  summary: 'Make pins expire later, or never',
  description:
    'Moves the time at which pins expire. A pin that lasts longer stays as it is, unless --shorten is given. What a ' +
    'collection has removed since a pin expired is fetched again. Times are spans from now (30d, 2w, 12h), dates ' +
    '(2030-01-31, 2030-01-31T12:00:00Z), or never.',
  examples: [
    { line: 'tsipfs pin extend --expires=30d bafy…', explains: 'Keep it for 30 days from now at least.' },
    { line: 'tsipfs pin extend --expires=never bafy…', explains: 'Keep it until it is unpinned.' },
  ],
  needs: 'repo',
  writes: true,
  result: { Cid: 'cid', 'Expires?': 'time: absent for a pin that does not expire' },
  params: {
    path: argumentList('ipfs-path', 'Objects that are pinned', { stdin: true, complete: 'pin' }),
    expires: text('When they expire', { initial: 'never', placeholder: 'time' }),
    shorten: flag('Make them expire earlier too'),
  },
  check(input) {
    parseExpiry(input.expires, Date.now())
  },
  async *run(input, { node, globals, signal }) {
    const [{ resolvePath }, { formatCid }, { extendPin }] = await Promise.all([
      import('../../node/path.ts'),
      import('../../node/cid.ts'),
      import('../../node/pinner.ts'),
    ])
    const expires = parseExpiry(input.expires, Date.now())
    for (const path of input.path) {
      const { cid } = await resolvePath(node, path, { signal })
      const pin = await extendPin(node, cid, { expires, shorten: input.shorten, signal })
      const Cid = formatCid(cid, globals)
      yield (pin.expires === undefined ? { Cid } : { Cid, Expires: new Date(pin.expires).toISOString() }) as Extended
    }
  },
  async render(outputs, { out }) {
    for await (const { Cid, Expires } of outputs) {
      await out.write(Expires === undefined ? `${Cid} does not expire\n` : `${Cid} expires ${Expires}\n`)
    }
  },
})
