/** What is known of a fetch when time is up. */
export interface Fetched {
  /** Who was asked and found so far, for people to read. */
  readonly tried: string
  readonly blocks: number
}

/** How the failure of a command whose time is over begins. */
export const TIMED_OUT = 'timed out after '

/** Returns what is said of a command whose time is over, and how far it came when it was fetching. */
export function timedOutText(limit: string, fetched: Fetched | undefined): string {
  const text = `${TIMED_OUT}${limit} (context deadline exceeded)`
  if (fetched === undefined || fetched.tried === '') return text
  return `${text}: ${fetched.tried}, ${fetched.blocks} block${fetched.blocks === 1 ? '' : 's'} came`
}
