import { getCiphers } from 'node:crypto'
import { noise as createNoise, type NoiseComponents } from '@chainsafe/libp2p-noise'
import { asCrypto, defaultCrypto } from '@chainsafe/libp2p-noise/crypto'
import type { ConnectionEncrypter } from '@libp2p/interface'

/**
 * Returns the Noise of libp2p, with a cipher that is there: Bun has no ChaCha20-Poly1305 in `node:crypto`, which Noise
 * uses for messages of more than 1,200 bytes, so that large transfers would hang without an error. WebAssembly does it
 * there.
 */
export function noise(): (components: NoiseComponents) => ConnectionEncrypter {
  const crypto = getCiphers().includes('chacha20-poly1305') ? defaultCrypto : { ...defaultCrypto, ...withoutHash() }
  return createNoise({ crypto })
}

function withoutHash(): Pick<typeof asCrypto, 'chaCha20Poly1305Encrypt' | 'chaCha20Poly1305Decrypt'> {
  const { chaCha20Poly1305Encrypt, chaCha20Poly1305Decrypt } = asCrypto
  return { chaCha20Poly1305Encrypt, chaCha20Poly1305Decrypt }
}
