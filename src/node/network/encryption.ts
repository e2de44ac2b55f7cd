import type { ConnectionEncrypter, MessageStream, SecureConnectionOptions, SecuredConnection } from '@libp2p/interface'
import { answer, propose } from './negotiate.ts'
import type { Components } from './parts.ts'

interface Encrypted extends SecuredConnection {
  readonly protocol: string
}

/**
 * Has libp2p agree on the encryption of a connection by our own few lines: each connection begins with that, and waits
 * for it at both ends.
 */
export function negotiateEncryption({ upgrader }: Components): void {
  const encrypterOf = (protocol: string): ConnectionEncrypter => {
    const encrypter = upgrader.getConnectionEncrypters().get(protocol)
    if (encrypter === undefined) throw new Error(`no encryption is called ${protocol}`)
    return encrypter
  }
  const outbound = async (connection: MessageStream, options: SecureConnectionOptions): Promise<Encrypted> => {
    const protocol = await propose(connection, [...upgrader.getConnectionEncrypters().keys()], options.signal)
    return { ...(await encrypterOf(protocol).secureOutbound(connection, options)), protocol }
  }
  const inbound = async (connection: MessageStream, options: SecureConnectionOptions): Promise<Encrypted> => {
    const encrypters = upgrader.getConnectionEncrypters()
    const protocol = await answer(connection, name => encrypters.has(name), options.signal)
    return { ...(await encrypterOf(protocol).secureInbound(connection, options)), protocol }
  }
  Reflect.set(upgrader, '_encryptOutbound', named(outbound))
  Reflect.set(upgrader, '_encryptInbound', named(inbound))
}

type Encrypt = (connection: MessageStream, options: SecureConnectionOptions) => Promise<Encrypted>

/** What goes wrong carries the name that libp2p gives it. */
function named(encrypt: Encrypt): Encrypt {
  return async (connection, options) => {
    try {
      return await encrypt(connection, options)
    } catch (error) {
      const failure = new Error(error instanceof Error ? error.message : String(error), { cause: error })
      failure.name = 'EncryptionFailedError'
      throw failure
    }
  }
}
