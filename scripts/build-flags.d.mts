export const COMPILE_FLAGS: readonly string[]
export const ENTRIES: readonly string[]
