import { Failure } from '../contract/failure.ts'
import type { SourceEntry } from '../contract/source.ts'
import { CONFIG_BYTES_MAX, parseConfig } from '../repo/config.ts'
import type { Config } from '../repo/roles.ts'

/** Returns the config that the caller sent along; undefined when there is none. Throws a Failure when it is no config. */
export async function configFrom(source: AsyncIterable<SourceEntry>): Promise<Config | undefined> {
  for await (const entry of source) {
    if (entry.type !== 'file' || entry.content === undefined) {
      throw new Failure('usage', `${entry.path}: expected a regular file`)
    }
    const name = entry.path === '' ? 'standard input' : entry.path
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of entry.content()) {
      length += chunk.length
      if (length > CONFIG_BYTES_MAX) throw new Failure('usage', `${name}: larger than ${CONFIG_BYTES_MAX} bytes`)
      chunks.push(chunk)
    }
    return parseConfig(Buffer.concat(chunks).toString('utf8'), name)
  }
  return undefined
}
