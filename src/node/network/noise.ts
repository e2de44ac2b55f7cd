import { getCiphers } from 'node:crypto'
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import type { ConnectionEncrypter } from '@libp2p/interface'

/** https://github.com/libp2p/specs/blob/master/noise/README.md */
const PROTOCOL = '/noise'

/**
 * Returns the Noise of libp2p, loaded by the first connection that uses it, with a cipher that is there: Bun has no
 * ChaCha20-Poly1305 in `node:crypto`, which Noise uses for messages of more than 1,200 bytes, so that large transfers
 * would hang without an error. WebAssembly does it there.
 */
export function noise(): (components: NoiseComponents) => ConnectionEncrypter {
  return components => {
    let loaded: Promise<ConnectionEncrypter> | undefined
    const load = (): Promise<ConnectionEncrypter> => {
      loaded ??= loadNoise(components)
      return loaded
    }
    return {
      protocol: PROTOCOL,
      secureInbound: async (connection, options) => (await load()).secureInbound(connection, options),
      secureOutbound: async (connection, options) => (await load()).secureOutbound(connection, options),
    }
  }
}

async function loadNoise(components: NoiseComponents): Promise<ConnectionEncrypter> {
  const [{ noise: createNoise }, { asCrypto, defaultCrypto }] = await Promise.all([
    import('@chainsafe/libp2p-noise'),
    import('@chainsafe/libp2p-noise/crypto'),
  ])
  const { chaCha20Poly1305Encrypt, chaCha20Poly1305Decrypt } = asCrypto
  const isThere = getCiphers().includes('chacha20-poly1305')
  const crypto = isThere ? defaultCrypto : { ...defaultCrypto, chaCha20Poly1305Encrypt, chaCha20Poly1305Decrypt }
  return createNoise({ crypto })(components)
}
