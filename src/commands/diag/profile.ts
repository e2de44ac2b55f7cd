import { defineCommand } from '../../contract/command.ts'
import { parseDuration } from '../../contract/duration.ts'
import { Failure, systemFailure } from '../../contract/failure.ts'
import { int, text } from '../../contract/params.ts'
import { daemonOf } from '../_daemon.ts'

const COLLECTORS_DEFAULT = 'version,sys,config,repo,heap,requests,cpu'
const PROFILE_MS_MAX = 10 * 60 * 1000

export const diagProfile = defineCommand({
  path: 'diag profile',
  summary: 'Collect what is to be known of the daemon in a ZIP file',
  description:
    'The file holds version, facts about the machine, the config without keys, sizes of the repo, use of memory, the ' +
    'commands that run, and a CPU profile. It holds no data, no keys and no addresses of peers.',
  examples: [
    { line: 'tsipfs diag profile --profile-time=5s -o profile.zip', explains: 'Sample for five seconds.' },
    { line: 'tsipfs diag profile --profile-time=0 --collectors=version,sys', explains: 'Collect just two files.' },
  ],
  needs: 'daemon',
  output: 'bytes',
  mediaType: 'application/zip',
  params: {
    output: text('The file to write; ./ipfs-profile-TIME.zip unless given', {
      short: 'o',
      complete: 'file',
      caller: true,
    }),
    collectors: text('What to collect, separated by commas', { initial: COLLECTORS_DEFAULT, placeholder: 'names' }),
    profileTime: text('How long to sample the CPU; 0: not at all', { initial: '30s', placeholder: 'duration' }),
    mutexProfileFraction: int('Accepted for the sake of scripts', { initial: 4 }),
    blockProfileRate: text('Accepted for the sake of scripts', { initial: '1ms', placeholder: 'duration' }),
  },
  check({ profileTime }) {
    const profileMs = parseDuration(profileTime, 'value for --profile-time')
    if (profileMs < 0 || profileMs > PROFILE_MS_MAX) {
      throw new Failure('usage', `invalid value for --profile-time: "${profileTime}"`, { hint: 'at most 10m' })
    }
  },
  async *run(input, { node, signal }) {
    const [{ checkCollectors, diagnose }, { zip }] = await Promise.all([
      import('../../node/diagnose.ts'),
      import('../../node/zip.ts'),
    ])
    const names = input.collectors.split(',').filter(name => name !== '')
    checkCollectors(names)
    const profileMs = parseDuration(input.profileTime)
    yield* zip(diagnose(names, { node, daemon: daemonOf(node), profileMs, signal }), new Date())
  },
  async render(outputs, { input, out, io }) {
    const [{ resolve }, { open }] = await Promise.all([import('node:path'), import('node:fs/promises')])
    const stamp = new Date().toISOString().replace(/\..*/, '').replaceAll(':', '_')
    const path = input.output ?? `ipfs-profile-${stamp}Z.zip`
    try {
      await using file = await open(resolve(io.cwd, path), 'w', 0o600)
      for await (const bytes of outputs) await file.write(bytes)
    } catch (error) {
      throw systemFailure(error, path)
    }
    await out.write(`Wrote profiles to: ${path}\n`)
  },
})
