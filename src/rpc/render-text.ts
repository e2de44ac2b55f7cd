import type { Call, Command, Output } from '../contract/command.ts'
import type { Sink } from '../contract/io.ts'
import { NO_COLOURS } from '../contract/no-colours.ts'

/** Writes results in a command's own text form, for callers that ask for `encoding=text`. */
export async function renderText(
  command: Command,
  call: Call,
  outputs: AsyncIterable<Output>,
  write: (chunk: string | Uint8Array) => Promise<void>,
): Promise<void> {
  const out: Sink = { write }
  const err: Sink = { write: async () => undefined }
  await command.render?.(outputs, {
    io: {
      args: [],
      env: {},
      cwd: '/',
      stdin: nothing(),
      out,
      err,
      terminal: { in: false, out: false, err: false, columns: 80 },
      signal: call.signal,
    },
    globals: call.globals,
    signal: call.signal,
    input: call.input,
    out,
    err,
    progress: { update: () => undefined, clear: async () => undefined },
    showsProgress: false,
    colour: NO_COLOURS,
  })
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // The server has no standard input to offer.
}
