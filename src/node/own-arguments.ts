/** Returns what this process was called with, to call the same program again. An executable's first argument is its own bundle. */
export function ownArguments(): string[] {
  const [, script = '', ...rest] = process.argv
  return [...process.execArgv, ...(script.startsWith('/$bunfs/') || script === '' ? [] : [script]), ...rest]
}
