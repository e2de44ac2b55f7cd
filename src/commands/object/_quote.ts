import { escapeName } from '../_escape.ts'

/** Returns a name in quotes as Go's `%q` writes it. */
export function quoted(name: string): string {
  return `"${escapeName(name).replaceAll('"', '\\"')}"`
}
