import { Failure } from '../contract/failure.ts'
import type { Daemon } from '../node/daemon.ts'
import type { Node } from '../node/node.ts'

/** Returns the daemon in which a command runs. Throws `needs-daemon` where there is none. */
export function daemonOf(node: Node): Daemon {
  if (node.daemon === undefined) {
    throw new Failure('needs-daemon', 'the command speaks about a running daemon', {
      hint: 'start one with: tsipfs daemon',
    })
  }
  return node.daemon
}
