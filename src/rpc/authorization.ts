/**
 * Returns the `Authorization` header for a secret as Kubo writes it: `bearer:token`, `basic:user:password`,
 * `basic:base64`, or a bare token. Undefined for an empty secret, or one of a kind that nobody knows.
 */
export function authorizationHeader(secret: string): string | undefined {
  const at = secret.indexOf(':')
  if (secret === '') return undefined
  if (at < 0) return `Bearer ${secret}`
  const value = secret.slice(at + 1)
  if (secret.startsWith('bearer:')) return `Bearer ${value}`
  if (!secret.startsWith('basic:')) return undefined
  return `Basic ${value.includes(':') ? Buffer.from(value).toString('base64') : value}`
}
