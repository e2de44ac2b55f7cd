import { defineCommand } from '../contract/command.ts'
import { files, flag, int, text } from '../contract/params.ts'
import { reportsOf } from './_reports.ts'

interface Made {
  readonly Message?: string
  readonly ID?: string
  readonly Path?: string
}

export const init = defineCommand({
  path: 'init',
  summary: 'Make a repo',
  description:
    'Makes a repo with a fresh identity at --repo-dir, $TSIPFS_PATH, $IPFS_PATH, else ~/.tsipfs. Most commands that write ' +
    'make it by themselves when it is not there yet. With a file (or - for standard input) the repo gets that config; an ' +
    'identity that it holds is kept.',
  examples: [
    { line: 'tsipfs init', explains: 'Make a repo at the usual place.' },
    {
      line: 'tsipfs init --profile=server,unixfs-v1-2025',
      explains: 'For a server, with CIDs that are the same in every implementation.',
    },
    {
      line: 'tsipfs --repo-dir=./repo init --profile=flatfs',
      explains: 'Keep each block in a file of its own.',
    },
  ],
  needs: 'nothing',
  localOnly: true,
  result: { 'Message?': 'text', 'ID?': 'text', 'Path?': 'text' },
  params: {
    defaultConfig: files('default-config', 'A config to begin with', { optional: true, many: false, stdin: false }),
    algorithm: text('The kind of key to generate: ed25519, rsa or secp256k1', { short: 'a', initial: 'ed25519' }),
    bits: int('Bits of an RSA key', { short: 'b' }),
    emptyRepo: flag('Add no pages to read; =false adds some and pins them', { short: 'e', initial: true }),
    profile: text('Profiles to apply, separated by commas', { short: 'p', placeholder: 'names', complete: 'profile' }),
  },
  async *run(input, { repoPath, repoShown, globals, signal, source }) {
    const [{ initRepo }, { configFrom }] = await Promise.all([
      import('../repo/init.ts'),
      import('../node/config-source.ts'),
    ])
    const config = await configFrom(source)
    yield* reportsOf<Made>(async report => {
      const { peerId } = await initRepo(repoPath, {
        algorithm: input.algorithm,
        bits: input.bits,
        profiles: input.profile,
        shown: repoShown,
        globals,
        signal,
        report: Message => report({ Message }),
        ...(config === undefined ? {} : { config }),
      })
      if (!input.emptyRepo) {
        const [{ openRepo }, { addInitDocs }] = await Promise.all([
          import('../repo/open.ts'),
          import('../node/init-docs.ts'),
        ])
        await using repo = await openRepo(repoPath, { globals, signal })
        const cid = await addInitDocs(repo)
        report({ Message: `to get started, enter:\n\n\ttsipfs cat /ipfs/${cid}/readme\n\n` })
      }
      report({ ID: peerId, Path: repoPath })
    })
  },
  async render(outputs, { out }) {
    for await (const { Message } of outputs) if (Message !== undefined) await out.write(Message)
  },
})
