import type { Colours } from '../contract/command.ts'
import type { Io } from '../contract/io.ts'
import { NO_COLOURS } from '../contract/no-colours.ts'

/** Returns whether a stream gets colour: the flag decides, then the environment, then whether it is a terminal. */
export function wantsColour(flag: string | undefined, env: Io['env'], isTerminal: boolean): boolean {
  if (flag === 'always') return true
  if (flag === 'never') return false
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '' && env.FORCE_COLOR !== '0') return true
  if (env.CLICOLOR_FORCE !== undefined && env.CLICOLOR_FORCE !== '' && env.CLICOLOR_FORCE !== '0') return true
  if (env.TERM === 'dumb' || env.CLICOLOR === '0') return false
  return isTerminal
}

/** Returns the colours of a stream; chalk is loaded only when there is something to colour. */
export async function coloursOf(wanted: boolean): Promise<Colours> {
  if (!wanted) return NO_COLOURS
  const { Chalk } = await import('chalk')
  return new Chalk({ level: 1 })
}
