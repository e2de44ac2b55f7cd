// Written by scripts/generate.ts from the files of this folder.
import type { Command } from '../contract/command.ts'

/** Every command, by its words. A declaration is loaded when it is asked for. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  'commands': () => import('./commands.ts').then(module => module.commands),
} as unknown as Readonly<Record<string, () => Promise<Command>>>
