import type { Failure } from '../../contract/failure.ts'
import { unsupported } from '../_unsupported.ts'

/** Returns the failure of every command that would replace the program. */
export function noUpdates(command: string): Failure {
  return unsupported(
    command,
    'tsipfs does not replace its own executable',
    'update it the way it was installed: npm update tsipfs, or git pull and npm ci',
  )
}
