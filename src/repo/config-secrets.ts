import { Failure } from '../contract/failure.ts'
import { isObject } from './config-values.ts'
import type { Config } from './roles.ts'

/** Paths into the config that hold secrets; `*` is any key. Keys are compared without regard to case, as in Kubo. */
const SECRETS: readonly (readonly string[])[] = [
  ['Identity', 'PrivKey'],
  ['API', 'Authorizations'],
  ['Pinning', 'RemoteServices', '*', 'API', 'Key'],
]
const KEY_OF_IDENTITY = 'cannot show or change private key through API'
const KEY_OF_SERVICE = 'cannot show or change pinning services credentials'

/** Returns a copy of a config without private key, secrets of the RPC and keys of pinning services. */
export function withoutSecrets(config: Config): Config {
  return SECRETS.reduce<Config>((left, path) => without(left, path), config)
}

/** Throws when a dotted key names a secret, or something that holds one. */
export function refuseSecretKey(key: string): void {
  const parts = key.split('.').map(part => part.toLowerCase())
  if (parts[0] === 'identity' && (parts.length === 1 || parts[1] === 'privkey')) {
    throw new Failure('failed', KEY_OF_IDENTITY, { hint: 'the config file in the repo holds it' })
  }
  const isConcealed = ['pinning', 'remoteservices', '*', 'api', 'key'].every(
    (part, at) => at >= parts.length || part === '*' || part === parts[at],
  )
  if (isConcealed) throw new Failure('failed', KEY_OF_SERVICE, { hint: 'see tsipfs pin remote service ls' })
}

function without(object: Config, [first = '', ...rest]: readonly string[]): Config {
  const kept: Config = Object.create(null)
  for (const [key, value] of Object.entries(object)) {
    if (first !== '*' && first.toLowerCase() !== key.toLowerCase()) kept[key] = value
    else if (rest.length > 0) kept[key] = isObject(value) ? without(value, rest) : value
  }
  return { ...kept }
}
