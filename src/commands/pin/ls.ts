import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { flag, optionalArgumentList, text, texts } from '../../contract/params.ts'
import { oneOf } from '../../contract/shape.ts'

const TYPES = ['direct', 'indirect', 'recursive', 'all'] as const
type Type = (typeof TYPES)[number]

interface Listed {
  readonly Cid: string
  readonly Name?: string
  readonly Type: string
  readonly Expires?: string
  readonly Labels?: Readonly<Record<string, string>>
}

interface List {
  readonly Keys?: Readonly<Record<string, Omit<Listed, 'Cid'>>>
}

export const pinLs = defineCommand({
  path: 'pin ls',
  summary: 'List pinned objects',
  description:
    'Lists what is pinned: directly, recursively, and indirectly by a recursive pin above it. Finding the indirect ' +
    'ones means looking at all below the recursive pins: --type=recursive is quick. With --stream each pin is printed ' +
    'as it is found, in less memory. With arguments the command fails when one of them is not pinned. Pins that have expired are listed ' +
    'with --expired alone, until a collection takes them away. With --long the time at which a pin expires and its ' +
    'labels are shown too; in JSON they always are.',
  examples: [
    { line: 'tsipfs pin ls --type=recursive --names', explains: 'List the roots that are kept, with names.' },
    { line: 'tsipfs pin ls bafy…', explains: 'Ask whether, and how, one object is pinned.' },
    { line: 'tsipfs pin ls --expired -q | tsipfs pin rm --stdin', explains: 'Remove the pins that have expired.' },
  ],
  needs: 'repo',
  output: input => (input.stream ? 'stream' : 'value'),
  result: oneOf(
    { 'Keys?': { '*': { Type: 'text', Name: 'text', 'Expires?': 'time', 'Labels?': { '*': 'text' } } } },
    { Cid: 'cid', Type: 'text', 'Name?': 'text', 'Expires?': 'time', 'Labels?': { '*': 'text' } },
  ),
  items: { at: 'Keys', name: 'Cid' },
  params: {
    path: optionalArgumentList('ipfs-path', 'Objects to be listed', { complete: 'pin' }),
    type: text('The type of pins to list: direct, indirect, recursive or all', {
      short: 't',
      initial: 'all',
      offers: TYPES,
    }),
    quiet: flag('Print only the CIDs of pins', { short: 'q' }),
    name: text('List only pins whose names contain this; implies --names', { short: 'n', complete: 'pin-name' }),
    stream: flag('Print pins as they are found', { short: 's' }),
    names: flag('Show the names of pins'),
    expired: flag('List only pins that have expired and were not collected yet'),
    label: texts('List only pins with this label, key or key=value', { placeholder: 'key=value' }),
    long: flag('Show when pins expire, and their labels; implies --names', { short: 'l' }),
  },
  check(input) {
    typeOf(input.type)
    if (input.path.length > 0 && (input.expired || input.label.length > 0)) {
      throw new Failure('usage', '--expired and --label choose among all pins: they go without arguments')
    }
  },
  async *run(input, { node, globals, signal }) {
    const [{ resolvePath }, { formatCid }, { checkPinName, findPins, listPins }] = await Promise.all([
      import('../../node/path.ts'),
      import('../../node/cid.ts'),
      import('../../node/pinner.ts'),
    ])
    checkPinName(input.name)
    const type = typeOf(input.type)
    const showsNames = input.names || (input.name ?? '') !== '' || input.long

    async function* named(): AsyncIterable<Listed> {
      const cids = []
      for (const path of input.path) cids.push((await resolvePath(node, path, { signal })).cid)
      const found = await findPins(node, cids, type, { signal })
      for (const [index, cid] of cids.entries()) {
        const pin = found[index]
        if (pin === undefined) throw new Failure('not-found', `path '${input.path[index]}' is not pinned`)
        const via = pin.mode === 'indirect' ? ` through ${formatCid(pin.via, globals)}` : ''
        yield listed(
          formatCid(cid, globals),
          `${pin.mode}${via}`,
          showsNames ? pin.name : '',
          pin.mode === 'indirect' ? {} : pin,
        )
      }
    }
    async function* all(): AsyncIterable<Listed> {
      const wanted = { name: input.name, expired: input.expired, labels: labelsOf(input.label), signal }
      for await (const pin of listPins(node, type, wanted)) {
        yield listed(
          formatCid(pin.cid, globals),
          pin.mode,
          showsNames ? pin.name : '',
          pin.mode === 'indirect' ? {} : pin,
        )
      }
    }
    const pins = input.path.length > 0 ? named() : all()
    if (input.stream) yield* pins
    else yield await collect(pins)
  },
  async render(outputs, { input, out }) {
    for await (const output of outputs) {
      for (const pin of 'Cid' in output ? [output] : pinsOf(output)) {
        if (input.quiet) await out.write(`${pin.Cid}\n`)
        else await out.write(`${[pin.Cid, pin.Type, ...restOf(pin, input.long)].join(' ')}\n`)
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

function labelsOf(words: readonly string[]): Map<string, string | undefined> {
  return new Map(
    words.map(word => {
      const at = word.indexOf('=')
      return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)]
    }),
  )
}

/** What of a pin is ours. */
interface Marks {
  readonly expires?: number | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
}

function listed(Cid: string, Type: string, Name: string, { expires, labels }: Marks): Listed {
  return {
    Cid,
    ...(Name === '' ? {} : { Name }),
    Type,
    ...(expires === undefined ? {} : { Expires: new Date(expires).toISOString() }),
    ...(labels === undefined ? {} : { Labels: labels }),
  }
}

/** Returns the pins as one record, sorted by CID; without any it is empty. */
async function collect(pins: AsyncIterable<Listed>): Promise<List> {
  const found = new Map<string, Omit<Listed, 'Cid'>>()
  /** Most are alike but for their CID: there may be millions. */
  const plain = new Map<string, Omit<Listed, 'Cid'>>()
  for await (const { Cid, Name = '', ...rest } of pins) {
    const isPlain = Name === '' && rest.Expires === undefined && rest.Labels === undefined
    const value = (isPlain ? plain.get(rest.Type) : undefined) ?? { ...rest, Name }
    if (isPlain) plain.set(rest.Type, value)
    found.set(Cid, value)
  }
  if (found.size === 0) return {}
  const Keys: Record<string, Omit<Listed, 'Cid'>> = {}
  for (const cid of [...found.keys()].sort()) Keys[cid] = found.get(cid) ?? { Type: '', Name: '' }
  return { Keys }
}

/** Yields the pins of a record, one at a time. */
function* pinsOf({ Keys = {} }: List): Generator<Listed> {
  for (const Cid in Keys) {
    const pin = Keys[Cid]
    if (pin !== undefined) yield { Cid, ...pin }
  }
}

function restOf({ Name = '', Expires, Labels }: Listed, long: boolean): string[] {
  const words = Name === '' ? [] : [Name]
  if (!long) return words
  if (Expires !== undefined) words.push(`expires=${Expires}`)
  return [...words, ...Object.entries(Labels ?? {}).map(([key, value]) => `${key}=${value}`)]
}
