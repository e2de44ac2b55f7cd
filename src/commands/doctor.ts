import { type Context, defineCommand, type Plain } from '../contract/command.ts'
import { displayWidth } from '../contract/display-width.ts'
import { Failure, isAbort } from '../contract/failure.ts'
import { flag, type Input, optionalArgument, text } from '../contract/params.ts'
import type { Finding } from '../node/doctor.ts'
import type { Node } from '../node/node.ts'

interface Checked {
  readonly Check: string
  readonly State: 'ok' | 'warning' | 'failed'
  readonly Message: string
  readonly Hint?: string
  readonly Details?: Plain
}

const params = {
  cid: optionalArgument('ipfs-path', 'An object to look into', { complete: 'cid' }),
  pins: flag('Look at all below the pins'),
  only: text('Only the checks of the repo, or of the network', { values: ['repo', 'network'], placeholder: 'part' }),
}

/** A daemon that says nothing for so long is stuck: that is what is looked for. */
const DAEMON_TIMEOUT_MS = 120_000

export const doctor = defineCommand({
  path: 'doctor',
  summary: 'Look for what is wrong with the node, or with one object',
  description:
    'Checks the repo: whether it can be read and written, who else may read its secrets, config, free space, clock (also against those of gateways and routers), ' +
    'limits, the daemon, MFS and pins. Of the daemon also its ports, whether others reach it, NAT, peers and what it ' +
    'announces. With a CID it is the object instead: whether all of it is here, whether it is pinned, and, unless ' +
    '--offline is given, whether this node announces it and since when, who else provides it, and what each of them ' +
    'answers, over which transport, and how fast. Nothing is changed. The status is 0 when nothing has failed.\n\n' +
    'The network is asked by the daemon on the repo; without one an object is looked for by a node that ends with the ' +
    'command.',
  examples: [
    { line: 'tsipfs doctor', explains: 'Check the node.' },
    { line: 'tsipfs doctor --pins', explains: 'Look at every block below every pin too.' },
    { line: 'tsipfs doctor bafy…', explains: 'Find out why an object cannot be had.' },
    {
      line: 'tsipfs doctor --json bafy… | jq -r \'select(.Check == "answers").Details.FirstByteMs\'',
      explains: 'How fast.',
    },
  ],
  needs: 'repo',
  result: {
    Check: 'text',
    State: 'text: ok, warning or failed',
    Message: 'text',
    'Hint?': 'text',
    'Details?': { '*': 'any: what the message says, for programs' },
  },
  params,
  async *run(input, context): AsyncIterable<Checked> {
    let failed = 0
    for await (const { check, state, message, hint, details } of findings(input, context)) {
      if (state === 'failed') failed += 1
      yield {
        ...{ Check: check, State: state, Message: message },
        ...(hint === undefined ? {} : { Hint: hint }),
        ...(details === undefined ? {} : { Details: details }),
      }
    }
    if (failed > 0) throw new Failure('failed', `${failed} check${failed === 1 ? '' : 's'} failed`)
  },
  async render(outputs, { out, colour, io }) {
    const paint = { ok: colour.green, warning: colour.magenta, failed: colour.red }
    for await (const { Check, State, Message, Hint } of outputs) {
      const fold = (text: string): string =>
        io.terminal.out ? folded(text, io.terminal.columns - INDENT.length) : text
      await out.write(`${paint[State](State.padEnd(7))}  ${fold(`${Check}: ${Message}`)}\n`)
      if (Hint !== undefined) await out.write(`${INDENT}${fold(`hint: ${Hint}`)}\n`)
    }
  },
})

const INDENT = ' '.repeat(9)

/** Returns a text in lines of so many columns at most, the later ones below the first. */
function folded(text: string, columns: number): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && displayWidth(line) + 1 + displayWidth(word) > columns) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].join(`\n${INDENT}`)
}

async function* findings(input: Input<typeof params>, { node, signal }: Context): AsyncIterable<Finding> {
  const { examineCid, examineRepo } = await import('../node/doctor.ts')
  const cid = input.cid === undefined ? undefined : await objectOf(node, input.cid, signal)
  if (input.only !== 'network') {
    if (cid === undefined) yield* examineRepo(node, { signal, pins: input.pins })
    else yield* examineCid(node, cid, { signal })
  }
  if (input.only === 'repo' || node.globals.offline) return
  const stop = AbortSignal.any([signal, AbortSignal.timeout(DAEMON_TIMEOUT_MS)])
  const inside = await node.inDaemon?.(doctor, { ...input, only: 'network' }, { signal: stop })
  if (inside !== undefined) {
    yield* findingsOf(inside, signal)
    return
  }
  const [{ examineNode, examineProviders }, { checkOthersClocks }] = await Promise.all([
    import('../node/doctor-network.ts'),
    import('../node/doctor-clock.ts'),
  ])
  // Without a daemon nobody is asked anything, unless that is wanted.
  const isAsked = cid !== undefined || node.daemon !== undefined || node.globals.gateways.length > 0
  const clock = isAsked ? await checkOthersClocks(node, { signal }) : undefined
  if (clock !== undefined) yield clock
  if (cid !== undefined) yield* examineProviders(node, cid, { signal })
  else if (node.daemon !== undefined) yield* examineNode(node, { signal })
  else
    yield {
      check: 'network',
      state: 'ok',
      message: 'nobody can reach this node: it is on the network with a daemon only',
    }
}

async function objectOf(node: Node, path: string, signal: AbortSignal) {
  const { resolveContentPath } = await import('../node/content-path.ts')
  return await resolveContentPath(node, path, { signal })
}

/** Its failure says how many have failed, which is counted here. */
async function* findingsOf(records: AsyncIterable<Plain>, signal: AbortSignal): AsyncIterable<Finding> {
  let failed = 0
  try {
    for await (const { Check, State, Message, Hint, Details } of records) {
      if (State === 'failed') failed += 1
      yield { check: Check, state: State, message: Message, hint: Hint, details: Details }
    }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof Failure) && !isAbort(error)) throw error
    if (failed > 0 && error instanceof Failure && error.kind === 'failed') return
    const message = error instanceof Failure ? error.message : 'the daemon does not answer'
    yield { check: 'network', state: 'failed', message, hint: 'see what it does: tsipfs diag cmds' }
  }
}
