import { Failure } from '../contract/failure.ts'

/** Returns the failure of a command that Kubo has and tsipfs does not, with what to do instead. */
export function unsupported(command: string, reason: string, hint: string): Failure {
  return new Failure('failed', `${command} is not supported: ${reason}`, { hint })
}
