import type { Plain } from '../../../contract/command.ts'
import { Failure } from '../../../contract/failure.ts'
import type { Globals } from '../../../contract/globals.ts'
import { text, texts } from '../../../contract/params.ts'
import type { PinFilter, RemotePin, RemotePins } from '../../../node/remote-pins.ts'
import type { ConfigStore } from '../../../repo/roles.ts'

/** A pin as it is printed. */
export interface RemotePinRecord extends Plain {
  readonly Status: string
  readonly Cid: string
  readonly Name: string
}

export const serviceOption = text('Name of the remote pinning service to use (mandatory)')

/** The options that say which pins are meant. */
export const filterOptions = {
  service: serviceOption,
  name: text('Pins with exactly this name'),
  cid: texts('Pins of these CIDs, separated by commas', { complete: 'cid' }),
  status: { ...texts('Pins with these statuses: queued,pinning,pinned,failed'), initial: ['pinned'] },
} as const

/** Returns a client of the service that was named. */
export async function remotePins(config: Pick<ConfigStore, 'read'>, service: string | undefined): Promise<RemotePins> {
  if (service === undefined) {
    throw new Failure('usage', 'a service name must be passed', { hint: 'add --service=NAME' })
  }
  const { findService, RemotePins } = await import('../../../node/remote-pins.ts')
  return new RemotePins(await findService(config, service))
}

/** Returns the filter that the options make. Throws `usage`. */
export async function filterOf(input: {
  readonly name: string | undefined
  readonly cid: readonly string[]
  readonly status: readonly string[]
}): Promise<PinFilter> {
  const [{ PIN_STATUSES }, { CidError, decodeCid }, { checkPinName }] = await Promise.all([
    import('../../../node/remote-pins.ts'),
    import('../../../node/cid.ts'),
    import('../../../node/pinner.ts'),
  ])
  checkPinName(input.name)
  const cids = listOf(input.cid).map(word => {
    try {
      const { cid } = decodeCid(word.replace(/^\/ipfs\/|^ipfs:\/\//, ''))
      return cid.version === 0 ? cid.toString() : cid.toV1().toString()
    } catch (error) {
      if (!(error instanceof CidError)) throw error
      throw new Failure('usage', `CID ${JSON.stringify(word)} cannot be parsed: ${error.message}`)
    }
  })
  const statuses = listOf(input.status).map(word => {
    const status = PIN_STATUSES.find(one => one === word)
    if (status === undefined) throw new Failure('usage', `status ${JSON.stringify(word)} is not valid`)
    return status
  })
  return { name: input.name, cids, statuses }
}

function listOf(words: readonly string[]): string[] {
  return words.flatMap(word => word.split(',')).filter(word => word !== '')
}

/** Returns the record of a pin. Names come from outside: what is no CID is shown as it is. */
export async function recordOf(pin: RemotePin, globals: Globals): Promise<RemotePinRecord> {
  const { CidError, decodeCid, formatCid } = await import('../../../node/cid.ts')
  try {
    return { Status: pin.status, Cid: formatCid(decodeCid(pin.cid).cid, globals), Name: pin.name }
  } catch (error) {
    if (!(error instanceof CidError)) throw error
    return { Status: pin.status, Cid: pin.cid, Name: pin.name }
  }
}
