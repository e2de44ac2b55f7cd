export const COMPILE_FLAGS: readonly string[]
export const ENTRIES: readonly string[]
export const LIBRARY: string
export const LIBRARY_TYPES: readonly string[]
export function commitDefine(root: string): string
