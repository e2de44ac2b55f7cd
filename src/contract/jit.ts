/** Bun's settings of its JIT, where it runs us. */
declare const Bun: { readonly unsafe: { setJITPolicy?(scale: number): void } } | undefined

/**
 * Has the JIT compile as soon as it usually does. The executable is built with one that hesitates
 * (scripts/build-flags.mjs), since most commands end before compiling pays; whoever will last says so.
 */
export function compileSoon(): void {
  if (typeof Bun !== 'undefined') Bun.unsafe.setJITPolicy?.(1)
}
