import { Failure } from '../contract/failure.ts'
import { refuseDeep } from './config.ts'
import { completeConfig, isObject, problemOf, putAt, shapeAt, valueAt } from './config-values.ts'
import { peerIdText, unmarshalPrivateKey } from './keys.ts'
import type { Config, ConfigStore } from './roles.ts'

const KEY_PARTS_MAX = 64

/** Sets one key of the config file, checked against what Kubo lets stand there. Throws a Failure in Kubo's words. */
export async function setConfigKey(store: ConfigStore, key: string, value: unknown): Promise<unknown> {
  const isPeerId = key.toLowerCase() === 'identity.peerid'
  const fitting = isPeerId ? await checkedPeerId(store, value) : value
  try {
    refuseDeep(value, 'the value')
    if (key.split('.').length > KEY_PARTS_MAX) throw new Failure('failed', 'the key has too many parts')
    shapeAt(key)
    await store.update(config => {
      const changed = structuredClone(config)
      putAt(changed, key, fitting)
      const problem = problemOf(changed)
      if (problem !== undefined) throw new Failure('usage', problem)
      return changed
    })
  } catch (error) {
    if (!(error instanceof Failure) || error.kind === 'locked') throw error
    throw new Failure(error.kind, `failed to set config value: ${error.message} (maybe use --json?)`, { cause: error })
  }
  return fitting
}

/** Returns the value at a dotted key. Throws a Failure in Kubo's words. */
export function configValue(config: Config, key: string): unknown {
  try {
    return valueAt(config, key)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(error.kind, `failed to get config value: ${JSON.stringify(error.message)}`, { cause: error })
  }
}

/**
 * Puts another config in place of the file; what it leaves out is written as nothing, as Kubo does. The identity stays;
 * remote pinning services and their keys can neither be added, removed nor changed this way.
 */
export async function replaceConfig(store: ConfigStore, replacement: Config): Promise<void> {
  const problem = problemOf(replacement)
  if (problem !== undefined) throw new Failure('usage', `failed to decode file as config: ${problem}`)
  const given = sectionOf(replacement, 'Identity')
  if (typeof given.PrivKey === 'string' && given.PrivKey !== '') {
    throw new Failure('failed', 'setting private key with API is not supported', {
      hint: 'leave Identity.PrivKey out; tsipfs key rotate changes the identity',
    })
  }
  const present = await store.readFile()
  const identity = sectionOf(present, 'Identity')
  const PeerID = await peerIdOf(identity)
  await store.update(config =>
    completeConfig({
      ...replacement,
      Identity: { ...given, PeerID, PrivKey: identity.PrivKey },
      ...keepServices(config, replacement),
      ...keepAuthorizations(config, replacement),
    }),
  )
}

/** `config show` leaves out the secrets of the RPC: a config that came from it keeps them. */
function keepAuthorizations(config: Config, replacement: Config): Config {
  const [present, given] = [sectionOf(config, 'API'), sectionOf(replacement, 'API')]
  if (present.Authorizations === undefined || Object.hasOwn(given, 'Authorizations')) return {}
  return { API: { ...given, Authorizations: present.Authorizations } }
}

function keepServices(config: Config, replacement: Config): Config {
  const [before, after] = [servicesOf(config), servicesOf(replacement)]
  const isSame = Object.keys(before).length === Object.keys(after).length
  if (!isSame || Object.keys(before).some(name => !Object.hasOwn(after, name))) {
    throw new Failure('failed', "cannot add or remove remote pinning services with 'config replace'", {
      hint: 'see tsipfs pin remote service --help',
    })
  }
  if (Object.keys(before).length === 0) return {}
  const RemoteServices: Config = {}
  for (const [name, service] of Object.entries(before)) {
    const [old, fresh] = [sectionOf({ service }, 'service'), sectionOf(after, name)]
    const [oldApi, freshApi] = [sectionOf(old, 'API'), sectionOf(fresh, 'API')]
    const isMoved = hasText(freshApi.Endpoint) && freshApi.Endpoint !== oldApi.Endpoint
    if (hasText(freshApi.Key) || isMoved) {
      throw new Failure('failed', 'cannot change remote pinning services api info with `config replace`', {
        hint: 'see tsipfs pin remote service --help',
      })
    }
    RemoteServices[name] = { ...fresh, API: oldApi }
  }
  return { Pinning: { ...sectionOf(replacement, 'Pinning'), RemoteServices } }
}

async function checkedPeerId(store: ConfigStore, value: unknown): Promise<string> {
  const own = await peerIdOf(sectionOf(await store.readFile(), 'Identity'))
  if (value === own) return own
  throw new Failure(
    'failed',
    "cannot set Identity.PeerID to a value that does not match the node's private key; use 'tsipfs key rotate' to change the node identity",
  )
}

async function peerIdOf(identity: Config): Promise<string> {
  if (!hasText(identity.PrivKey)) throw new Failure('failed', 'failed to get PrivKey')
  const key = await unmarshalPrivateKey(Uint8Array.from(Buffer.from(String(identity.PrivKey), 'base64')))
  return peerIdText(key.publicKey)
}

function hasText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function servicesOf(config: Config): Config {
  return sectionOf(sectionOf(config, 'Pinning'), 'RemoteServices')
}

function sectionOf(config: Config, name: string): Config {
  const section = Object.hasOwn(config, name) ? config[name] : undefined
  return isObject(section) ? section : {}
}
