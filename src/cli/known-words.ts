/** Returns the config keys that continue what is typed, a part at a time: a section ends in a dot. */
export async function configKeys(typed: string): Promise<string[]> {
  const { keysBelow } = await import('../repo/config-values.ts')
  const section = typed.slice(0, typed.lastIndexOf('.') + 1)
  return keysBelow(section).filter(key => key.startsWith(typed))
}

/** Returns lists of profiles, separated by commas, that continue what is typed. */
export async function profileNames(typed: string): Promise<string[]> {
  const { PROFILES } = await import('../repo/profiles.ts')
  const before = typed.slice(0, typed.lastIndexOf(',') + 1)
  const named = new Set(before.split(','))
  return Object.keys(PROFILES)
    .filter(name => !named.has(name))
    .map(name => `${before}${name}`)
    .filter(word => word.startsWith(typed))
}
