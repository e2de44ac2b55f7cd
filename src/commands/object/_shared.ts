import type { View } from '../../contract/command.ts'
import { flag } from '../../contract/params.ts'

export const allowBigBlock = flag('Store blocks that are larger than 2 MiB, which few peers will fetch')
export const allowNonUnixfs = flag('Change files and sharded folders too, which breaks them')

/** The largest block that peers take, and the largest that is ever stored. */
const BLOCK_BYTES_MAX = 2 * 1024 * 1024
const BIG_BLOCK_BYTES_MAX = 64 * 1024 * 1024

/** Returns how large a block may be. */
export function blockBytesMax(input: { readonly allowBigBlock: boolean }): number {
  return input.allowBigBlock ? BIG_BLOCK_BYTES_MAX : BLOCK_BYTES_MAX
}

/** Prints the CID of an object. */
export async function renderHash(
  outputs: AsyncIterable<{ readonly Hash: string }>,
  { out }: Pick<View, 'out'>,
): Promise<void> {
  for await (const { Hash } of outputs) await out.write(`${Hash}\n`)
}
