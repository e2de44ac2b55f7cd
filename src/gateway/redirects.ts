import { GatewayError } from './answer.ts'

/** `_redirects` files: https://specs.ipfs.tech/http-gateways/web-redirects-file/ */

const FILE_BYTES_MAX = 64 * 1024
const STATUSES = new Set([200, 301, 302, 303, 307, 308, 404, 410, 451])

/** One line of a `_redirects` file. */
export interface Rule {
  readonly from: string
  readonly to: string
  readonly status: number
}

/** Returns the rules of a file. Throws a GatewayError for one that is malformed or too large. */
export function parseRedirects(bytes: Uint8Array): Rule[] {
  if (bytes.length > FILE_BYTES_MAX) throw bad(`redirects file size cannot exceed ${FILE_BYTES_MAX} bytes`)
  const rules: Rule[] = []
  for (const line of Buffer.from(bytes).toString('utf8').split('\n')) {
    const text = line.trim()
    if (text === '' || text.startsWith('#')) continue
    const [from = '', to, status = '301', more] = text.split(/\s+/)
    if (to === undefined) throw bad("missing 'to' path")
    if (more !== undefined) throw bad("must match format 'from to [status]'")
    checkFrom(from)
    if (!/^\/|^(https?|ipfs|ipns):/i.test(to)) throw bad("parsing 'to': invalid URL scheme")
    if (!STATUSES.has(Number(status))) throw bad(`parsing status "${status}": status code ${status} is not supported`)
    rules.push({ from, to, status: Number(status) })
  }
  return rules
}

function checkFrom(from: string): void {
  if (!from.startsWith('/')) throw bad("parsing 'from': path must begin with '/'")
  if (from.includes('*') && from.indexOf('*') !== from.length - 1) {
    throw bad("parsing 'from': path must end with asterisk")
  }
}

function bad(cause: string): GatewayError {
  return new GatewayError(500, `could not parse _redirects: ${cause}`)
}

/** Returns the first rule for a path, its placeholders filled in. */
export function matchRule(rules: readonly Rule[], path: string): Rule | undefined {
  const given = path.replace(/\/$/, '').split('/')
  for (const rule of rules) {
    const filled = fill(rule, given)
    if (filled !== undefined) return { ...rule, to: filled }
  }
  return undefined
}

function fill({ from, to }: Rule, given: readonly string[]): string | undefined {
  const wanted = from.replace(/\/$/, '').split('/')
  const hasSplat = wanted.at(-1) === '*'
  if (hasSplat) wanted.pop()
  if (hasSplat ? given.length < wanted.length : given.length !== wanted.length) return undefined
  const values = new Map<string, string>()
  for (const [index, segment] of wanted.entries()) {
    const value = given[index] ?? ''
    if (segment.startsWith(':')) values.set(segment.slice(1), value)
    else if (segment !== value) return undefined
  }
  values.set('splat', hasSplat ? given.slice(wanted.length).join('/') : '')
  return to.replace(/:([A-Za-z_]\w*)/g, (text, name: string) => values.get(name) ?? text)
}
