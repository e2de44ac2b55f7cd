export function bunPath(): string | undefined
