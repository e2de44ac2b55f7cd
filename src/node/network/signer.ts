import { createPrivateKey, sign } from 'node:crypto'
import type { PrivateKey } from '@libp2p/interface'

/**
 * Returns a key that signs as another does, without preparing it each time: with an Ed25519 key that takes as long as to
 * sign. Keys of other types are returned as they are.
 */
export function preparedKey(privateKey: PrivateKey): PrivateKey {
  if (privateKey.type !== 'Ed25519') return privateKey
  const { raw } = privateKey
  const [d, x] = [raw.subarray(0, 32), raw.subarray(32, 64)].map(bytes => Buffer.from(bytes).toString('base64url'))
  const key = createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', d, x } })
  const signs: PrivateKey['sign'] = data => sign(null, data instanceof Uint8Array ? data : data.subarray(), key)
  return new Proxy(privateKey, {
    get(target, property) {
      if (property === 'sign') return signs
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
