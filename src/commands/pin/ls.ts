import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { flag, optionalArgumentList, text } from '../../contract/params.ts'

const TYPES = ['direct', 'indirect', 'recursive', 'all'] as const
type Type = (typeof TYPES)[number]

interface Listed {
  readonly Cid: string
  readonly Name?: string
  readonly Type: string
}

interface List {
  readonly Keys?: Readonly<Record<string, { readonly Type: string; readonly Name: string }>>
}

export const pinLs = defineCommand({
  path: 'pin ls',
  summary: 'List pinned objects',
  description:
    'Lists what is pinned: directly, recursively, and indirectly by a recursive pin above it. Finding the indirect ' +
    'ones means looking at all below the recursive pins: --type=recursive is quick. With --stream each pin is printed ' +
    'as it is found, in less memory. With arguments the command fails when one of them is not pinned.',
  examples: [
    { line: 'tsipfs pin ls --type=recursive --names', explains: 'List the roots that are kept, with names.' },
    { line: 'tsipfs pin ls bafy…', explains: 'Ask whether, and how, one object is pinned.' },
  ],
  needs: 'repo',
  output: input => (input.stream ? 'stream' : 'value'),
  params: {
    path: optionalArgumentList('ipfs-path', 'Objects to be listed', { complete: 'pin' }),
    type: text('The type of pins to list: direct, indirect, recursive or all', { short: 't', initial: 'all' }),
    quiet: flag('Print only the CIDs of pins', { short: 'q' }),
    name: text('List only pins whose names contain this; implies --names', { short: 'n' }),
    stream: flag('Print pins as they are found', { short: 's' }),
    names: flag('Show the names of pins'),
  },
  check(input) {
    typeOf(input.type)
  },
  async *run(input, { node, globals, signal }) {
    const [{ resolvePath }, { formatCid }, { checkPinName, findPins, listPins }] = await Promise.all([
      import('../../node/path.ts'),
      import('../../node/cid.ts'),
      import('../../node/pinner.ts'),
    ])
    checkPinName(input.name)
    const type = typeOf(input.type)
    const showsNames = input.names || (input.name ?? '') !== ''

    async function* named(): AsyncIterable<Listed> {
      const cids = []
      for (const path of input.path) cids.push((await resolvePath(node, path, { signal })).cid)
      const found = await findPins(node, cids, type, { signal })
      for (const [index, cid] of cids.entries()) {
        const pin = found[index]
        if (pin === undefined) throw new Failure('not-found', `path '${input.path[index]}' is not pinned`)
        const via = pin.mode === 'indirect' ? ` through ${formatCid(pin.via, globals)}` : ''
        yield listed(formatCid(cid, globals), `${pin.mode}${via}`, showsNames ? pin.name : '')
      }
    }
    async function* all(): AsyncIterable<Listed> {
      for await (const { cid, mode, name } of listPins(node, type, { name: input.name, signal })) {
        yield listed(formatCid(cid, globals), mode, showsNames ? name : '')
      }
    }
    const pins = input.path.length > 0 ? named() : all()
    if (input.stream) yield* pins
    else yield await collect(pins)
  },
  async render(outputs, { input, out }) {
    for await (const output of outputs) {
      const pins = 'Cid' in output ? [output] : Object.entries(output.Keys ?? {}).map(fromKey)
      for (const { Cid, Type, Name = '' } of pins) {
        if (input.quiet) await out.write(`${Cid}\n`)
        else await out.write(Name === '' ? `${Cid} ${Type}\n` : `${Cid} ${Type} ${Name}\n`)
      }
    }
  },
})

function typeOf(text: string): Type {
  const type = TYPES.find(one => one === text)
  if (type === undefined) {
    throw new Failure('usage', `invalid type '${text}', must be one of {direct, indirect, recursive, all}`)
  }
  return type
}

function listed(Cid: string, Type: string, Name: string): Listed {
  return { Cid, ...(Name === '' ? {} : { Name }), Type }
}

/** Returns the pins as one record, sorted by CID; without any it is empty. */
async function collect(pins: AsyncIterable<Listed>): Promise<List> {
  const found: [string, { Type: string; Name: string }][] = []
  for await (const { Cid, Type, Name = '' } of pins) found.push([Cid, { Type, Name }])
  if (found.length === 0) return {}
  return { Keys: Object.fromEntries(found.sort(([one], [other]) => (one < other ? -1 : 1))) }
}

function fromKey([Cid, { Type, Name }]: [string, { readonly Type: string; readonly Name: string }]): Listed {
  return { Cid, Type, Name }
}
