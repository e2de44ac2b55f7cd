import { type Context, defineCommand } from '../../../contract/command.ts'
import { Failure } from '../../../contract/failure.ts'
import { argument, choice, flag, text } from '../../../contract/params.ts'
import type { RemotePin, RemotePins } from '../../../node/remote-pins.ts'
import { type RemotePinRecord, recordOf, remotePins, serviceOption } from './_remote.ts'

const POLL_MS = 500

interface Added extends RemotePinRecord {
  /** Nobody serves the data from here: the service must find another provider. */
  readonly Offline?: boolean
}

export const pinRemoteAdd = defineCommand({
  path: 'pin remote add',
  summary: 'Pin an object to a remote pinning service',
  description:
    'Asks a remote pinning service to pin an object, and waits until the service has it. With --background it returns ' +
    'once the request is queued; "tsipfs pin remote ls --status=queued,pinning,failed" tells what has become of it. ' +
    'The service fetches from a daemon on this repo when there is one.',
  examples: [
    { line: 'tsipfs pin remote add --service=mysrv --name=mypin bafy…', explains: 'Pin, and wait until it is done.' },
    { line: 'tsipfs pin remote add --service=mysrv --background bafy…', explains: 'Only queue the request.' },
  ],
  needs: 'repo',
  output: 'value',
  result: { Status: 'text', Cid: 'cid', Name: 'text', 'Offline?': 'flag' },
  params: {
    path: argument('ipfs-path', 'CID or path to be pinned', { complete: 'cid' }),
    service: serviceOption,
    name: text('A name for the pin'),
    background: flag('Return once the request is queued'),
    wait: choice('Wait until the service has pinned it; the default without --background'),
  },
  check(input) {
    if (input.background && input.wait === true) {
      throw new Failure('usage', '--wait and --background cannot be combined')
    }
  },
  async *run(input, context): AsyncIterable<Added> {
    const { node, signal, globals } = context
    const pins = await remotePins(node.repo.config, input.service)
    const [{ resolvePath }, { checkPinName }, { daemonPeers }] = await Promise.all([
      import('../../../node/path.ts'),
      import('../../../node/pinner.ts'),
      import('./_peers.ts'),
    ])
    checkPinName(input.name)
    const { cid } = await resolvePath(node, input.path, { signal })
    const isHere = await node.repo.blocks.has(cid, { signal })
    const peers = isHere ? await daemonPeers(context) : undefined
    let pin = await pins.add({ cid: cid.toString(), name: input.name, origins: peers?.origins ?? [] }, { signal })
    await peers?.connect(pin.delegates)
    if (!input.background && input.wait !== false) pin = await whenPinned(pins, pin, context)
    yield { ...(await recordOf(pin, globals)), ...(isHere && peers === undefined ? { Offline: true } : {}) }
  },
  async render(outputs, { out, err }) {
    const [{ alignColumns }, { escapeName }] = await Promise.all([
      import('../../_table.ts'),
      import('../../_escape.ts'),
    ])
    for await (const { Cid, Name, Status, Offline } of outputs) {
      if (Offline === true) {
        await err.write(
          'WARNING: no daemon is running here, and remote pinning may fail if there is no other provider for this CID\n',
        )
      }
      const lines = [`CID:\t${Cid}`, `Name:\t${escapeName(Name)}`, `Status:\t${Status}`]
      for (const line of alignColumns(lines, 0)) await out.write(`${line}\n`)
    }
  },
})

/** Returns the pin once the service has it. Throws `failed` when it gives up. */
async function whenPinned(pins: RemotePins, queued: RemotePin, { signal }: Context): Promise<RemotePin> {
  const { requestId } = queued
  const { setTimeout: later } = await import('node:timers/promises')
  for (;;) {
    const pin = await statusOf(pins, requestId, signal)
    if (pin.status === 'pinned') return pin
    if (pin.status === 'failed') {
      throw new Failure('failed', `remote service failed to pin requestid="${requestId}"`, { data: { requestId } })
    }
    await later(POLL_MS, undefined, { signal })
  }
}

async function statusOf(pins: RemotePins, requestId: string, signal: AbortSignal): Promise<RemotePin> {
  const pin = await pins.get(requestId, { signal }).catch(error => {
    if (!(error instanceof Failure)) throw error
    const text = `failed to check pin status for requestid="${requestId}" due to error: ${error.message}`
    throw new Failure(error.kind, text, { hint: error.hint, data: { requestId }, cause: error })
  })
  if (pin.requestId === requestId) return pin
  throw new Failure(
    'network',
    `failed to check pin status for requestid="${requestId}", remote service sent unexpected requestid="${pin.requestId}"`,
  )
}
