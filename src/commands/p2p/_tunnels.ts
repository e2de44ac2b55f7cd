import type { Context } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { flag } from '../../contract/params.ts'
import type { Forwarding, OpenListener } from '../../node/network/network.ts'

export const PREFIX = '/x/'

/** Options of `p2p listen` and `p2p forward`. */
export const tunnelParams = {
  allowCustomProtocol: flag("Don't require the prefix /x/"),
  foreground: flag('Run in the foreground; what was opened is closed when the command ends', { short: 'f' }),
} as const

/** What `p2p listen` and `p2p forward` report with --foreground. */
export interface Foreground {
  readonly Status: 'active' | 'closing'
  readonly Protocol: string
  readonly Address: string
}

/** Returns the tunnels of the node. Throws `failed` unless the config allows them. */
export async function tunnelsOf({ node, signal }: Pick<Context, 'node' | 'signal'>): Promise<Forwarding> {
  if ((await node.repo.config.get('Experimental.Libp2pStreamMounting')) !== true) {
    throw new Failure('failed', 'libp2p stream mounting not enabled', {
      hint: 'enable it with: tsipfs config --json Experimental.Libp2pStreamMounting true',
    })
  }
  return (await node.network({ signal })).forwarding
}

/** Throws `usage` for a name outside of the namespace that is free for applications. */
export function checkProtocol(protocol: string, allowCustom: boolean): void {
  if (!allowCustom && !protocol.startsWith(PREFIX)) {
    throw new Failure('usage', `protocol name must be within '${PREFIX}' namespace`, {
      hint: 'choose such a name, or use --allow-custom-protocol',
    })
  }
}

/** Reports, and waits until the listener is closed or the command is to end, which closes it. */
export async function* inForeground(
  listener: OpenListener,
  about: { readonly Protocol: string; readonly Address: string },
  { signal, answer }: Pick<Context, 'signal' | 'answer'>,
): AsyncIterable<Foreground> {
  const stopped = Promise.withResolvers<boolean>()
  const stop = (): void => stopped.resolve(true)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    answer?.begin()
    yield { Status: 'active', ...about }
    const byCaller = await Promise.race([stopped.promise, listener.closed.then(() => false)])
    if (!byCaller) yield { Status: 'closing', ...about }
  } finally {
    signal.removeEventListener('abort', stop)
    await listener.close()
  }
}
