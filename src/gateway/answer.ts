/** What the gateway sends: a value, so that the code that finds it out knows no socket. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Left out for HEAD. Bytes are asked for one piece at a time, as the client takes them. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | undefined
}

/** What the client is told in place of content. */
export class GatewayError extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The path could not be followed: it is named in front of the message. */
  readonly isUnresolved: boolean

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}, isUnresolved = false) {
    super(message)
    this.status = status
    this.headers = headers
    this.isUnresolved = isUnresolved
  }
}

/** Returns a plain answer. */
export function textAnswer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { ...headers, 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    body: `${text}\n`,
  }
}

const REDIRECTS: Readonly<Record<number, string>> = {
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
}

/** Sends the client elsewhere. `location` is escaped already. */
export function redirect(status: number, location: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { ...headers, Location: headerText(location), 'Content-Type': 'text/html; charset=utf-8' },
    body: `<a href="${escapeHtml(location)}">${REDIRECTS[status] ?? 'Redirect'}</a>.\n\n`,
  }
}

/** Returns text that is safe in HTML, attributes included. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}

/** Returns a text as a header can carry it: its UTF-8 bytes, without what could end the header. */
export function headerText(text: string): string {
  return Buffer.from(text, 'utf8')
    .toString('latin1')
    .replace(/[\0-\x1f\x7f]/g, ' ')
}

/** Returns a text as Go's `url.PathEscape` writes it. */
export function pathEscape(text: string): string {
  return Buffer.from(text, 'utf8')
    .toString('latin1')
    .replace(/[^\w.~$&+=:@-]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
