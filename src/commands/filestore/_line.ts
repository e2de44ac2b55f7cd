import type { Globals } from '../../contract/globals.ts'

/** What a line of `filestore ls` and `verify` is made of. */
export interface ListedBlock {
  readonly Status: number
  readonly ErrorMsg: string
  readonly Key: { readonly '/': string } | null
  readonly FilePath: string
  readonly Offset: number
  readonly Size: number
}

/** Returns a function that makes the line of a block: CID, size, file and offset. */
export async function blockLine(globals: Globals): Promise<(block: ListedBlock) => string> {
  const { formatCid, parseCid } = await import('../../node/cid.ts')
  return ({ Key, FilePath, Size, Offset }) => {
    if (Key === null) return '<corrupt key>'
    if (FilePath === '') return Key['/']
    const path = FilePath.replace(/[\x00-\x1f\x7f]/g, character => JSON.stringify(character).slice(1, -1))
    return `${formatCid(parseCid(Key['/']), globals).padEnd(50)} ${String(Size).padStart(6)} ${path} ${Offset}`
  }
}

/** Kubo's words for what became of a block, by their numbers. */
const STATUS_NAMES: Readonly<Record<number, string>> = {
  0: 'ok',
  10: 'error',
  11: 'no-file',
  12: 'changed',
  20: 'ERROR',
  30: 'missing',
}

/** Returns the word for a status. */
export function statusName(status: number): string {
  return STATUS_NAMES[status] ?? '???'
}
