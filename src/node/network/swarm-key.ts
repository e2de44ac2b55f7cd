import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, Failure, systemFailure } from '../../contract/failure.ts'

/** https://github.com/libp2p/specs/blob/master/pnet/Private-Networks-PSK-V1.md */
const KEY_FILE = 'swarm.key'
const HEADER = '/key/swarm/psk/1.0.0/'
const KEY_BYTES = 32

/**
 * Returns the key of the private network that the repo belongs to; undefined for the public one. Throws a Failure for
 * a damaged key, and when the environment (`LIBP2P_FORCE_PNET`) insists on one and there is none.
 */
export async function readSwarmKey(
  repoPath: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Uint8Array | undefined> {
  const file = join(repoPath, KEY_FILE)
  try {
    return parseSwarmKey(await readFile(file, 'latin1'), file)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw systemFailure(error, file)
  }
  if (env.LIBP2P_FORCE_PNET !== '1') return undefined
  throw new Failure('failed', 'private network was not configured but is enforced by the environment', {
    hint: `put the key of the network into ${file}, or unset LIBP2P_FORCE_PNET`,
  })
}

/** Returns the 32 bytes of a key file. Throws a Failure that names the file. */
export function parseSwarmKey(text: string, file: string): Uint8Array {
  const [header, encoding, ...rest] = text.split('\n')
  const body = rest.join('\n')
  const damaged = (why: string): Failure =>
    new Failure('failed', `failed to configure private network: ${file}: ${why}`, {
      hint: `it holds ${HEADER}, /base16/ and 64 hexadecimal digits, a line each`,
    })
  if (header?.trim() !== HEADER) throw damaged('the first line is not that of a swarm key')
  const key = decodeKey(encoding?.trim(), body)
  if (key?.length !== KEY_BYTES) throw damaged(`not a key of ${KEY_BYTES} bytes`)
  return key
}

function decodeKey(encoding: string | undefined, body: string): Uint8Array | undefined {
  if (encoding === '/base16/') {
    const digits = body.trim()
    return /^[0-9a-fA-F]{64}$/.test(digits) ? Uint8Array.from(Buffer.from(digits, 'hex')) : undefined
  }
  if (encoding === '/base64/') return Uint8Array.from(Buffer.from(body.trim(), 'base64'))
  if (encoding === '/bin/') return Uint8Array.from(Buffer.from(body.slice(0, KEY_BYTES), 'latin1'))
  return undefined
}
