import type { Colours } from './command.ts'

const plain = (text: string): string => text

/** Leaves text as it is. */
export const NO_COLOURS: Colours = {
  bold: plain,
  dim: plain,
  red: plain,
  green: plain,
  blue: plain,
  magenta: plain,
}
