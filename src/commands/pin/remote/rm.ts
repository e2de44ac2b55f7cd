import { defineCommand } from '../../../contract/command.ts'
import { Failure } from '../../../contract/failure.ts'
import { flag } from '../../../contract/params.ts'
import { filterOf, filterOptions, remotePins } from './_remote.ts'

const REMOVED_MAX = 1_000_000

export const pinRemoteRm = defineCommand({
  path: 'pin remote rm',
  summary: 'Remove pins from a remote pinning service',
  description:
    'Removes the pins that "tsipfs pin remote ls" lists with the same options. More than one are removed only with ' +
    '--force. Without --status only those that are "pinned" are meant.',
  examples: [
    { line: 'tsipfs pin remote rm --service=mysrv --cid=bafy…', explains: 'Remove the pin of one CID.' },
    {
      line: 'tsipfs pin remote rm --service=mysrv --status=queued,pinning,failed --force',
      explains: 'Withdraw all requests that are not done.',
    },
  ],
  needs: 'repo',
  output: 'nothing',
  params: { ...filterOptions, force: flag('Remove more than one pin') },
  async *run(input, { node, signal }) {
    const pins = await remotePins(node.repo.config, input.service)
    const requests: string[] = []
    try {
      for await (const { requestId } of pins.list(await filterOf(input), { signal })) {
        if (requests.push(requestId) > (input.force ? REMOVED_MAX : 1)) break
      }
    } catch (error) {
      if (!(error instanceof Failure) || error.kind === 'usage') throw error
      throw new Failure(error.kind, `error while listing remote pins: ${error.message}`, {
        hint: error.hint,
        cause: error,
      })
    }
    if (requests.length > 1 && !input.force) {
      throw new Failure(
        'failed',
        'multiple remote pins are matching this query, add --force to confirm the bulk removal',
      )
    }
    for (const requestId of requests) {
      try {
        await pins.remove(requestId, { signal })
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        const text = `removing pin identified by requestid="${requestId}" failed: ${error.message}`
        throw new Failure(error.kind, text, { hint: error.hint, cause: error })
      }
    }
  },
})
