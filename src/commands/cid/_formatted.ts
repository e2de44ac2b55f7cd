import type { View } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import type { CidForm, FormattedCid } from '../../node/cid-format.ts'

/** Yields each CID in another form, then fails when there was one that could not be shown. */
export async function* formatted(cids: readonly string[], form: CidForm): AsyncIterable<FormattedCid> {
  const { reformCid } = await import('../../node/cid-format.ts')
  let broken = 0
  for (const cid of cids) {
    const result = reformCid(cid, form)
    if (result.ErrorMsg !== '') broken += 1
    yield result
  }
  if (broken > 0) throw new Failure(broken < cids.length ? 'partial' : 'usage', 'errors while displaying some entries')
}

/** Prints what was formatted, and says what is wrong with the rest. */
export async function renderFormatted(
  outputs: AsyncIterable<FormattedCid>,
  { out, err }: Pick<View, 'out' | 'err'>,
): Promise<void> {
  for await (const { CidStr, Formatted, ErrorMsg } of outputs) {
    if (ErrorMsg === '') await out.write(`${Formatted}\n`)
    else await err.write(`${CidStr}: ${ErrorMsg}\n`)
  }
}
