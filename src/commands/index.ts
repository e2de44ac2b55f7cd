// Written by scripts/generate.ts from the files of this folder.
import type { Command } from '../contract/command.ts'

/** Every command, by its words. A declaration is loaded when it is asked for. */
export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  'commands': () => import('./commands.ts').then(module => module.commands),
  'commands completion bash': () => import('./commands/completion/bash.ts').then(module => module.commandsCompletionBash),
  'commands completion fish': () => import('./commands/completion/fish.ts').then(module => module.commandsCompletionFish),
  'commands completion powershell': () => import('./commands/completion/powershell.ts').then(module => module.commandsCompletionPowershell),
  'commands completion zsh': () => import('./commands/completion/zsh.ts').then(module => module.commandsCompletionZsh),
} as unknown as Readonly<Record<string, () => Promise<Command>>>
