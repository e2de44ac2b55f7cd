import { defineCommand } from '../../../contract/command.ts'
import { Failure } from '../../../contract/failure.ts'
import { argument, flag } from '../../../contract/params.ts'

export const configProfileApply = defineCommand({
  path: 'config profile apply',
  summary: 'Apply a profile to the config',
  description:
    'Changes the config as the profile says, prints what changes, and keeps the config as it was in the file ' +
    'config-pre-PROFILE-TIME in the repo.',
  examples: [
    { line: 'tsipfs config profile apply lowpower', explains: 'Change the config for small machines.' },
    { line: 'tsipfs config profile apply --dry-run server', explains: 'See what the profile would change.' },
  ],
  needs: 'repo',
  output: 'value',
  result: { OldCfg: { '*': 'any' }, NewCfg: { '*': 'any' } },
  params: {
    profile: argument('profile', 'The profile to apply: see tsipfs config profile ls', { complete: 'profile' }),
    dryRun: flag('Change nothing, and print what would change'),
  },
  async *run(input, { node }) {
    const [{ PROFILES, profileByName }, { applyProfile }] = await Promise.all([
      import('../../../repo/profiles.ts'),
      import('../../../repo/config-profile.ts'),
    ])
    if (!Object.hasOwn(PROFILES, input.profile)) {
      throw new Failure('usage', `${input.profile} is not a profile`, { hint: 'see tsipfs config profile ls' })
    }
    yield await applyProfile(node.repo, input.profile, profileByName(input.profile), { dryRun: input.dryRun })
  },
  async render(outputs, { out, colour }) {
    const { configDifference } = await import('../../../repo/config-profile.ts')
    for await (const { OldCfg, NewCfg } of outputs) {
      for (const { key, before, after } of configDifference(OldCfg, NewCfg)) {
        if (before !== undefined) await out.write(colour.red(`- ${key}: ${JSON.stringify(before)}`).concat('\n'))
        if (after !== undefined) await out.write(colour.green(`+ ${key}: ${JSON.stringify(after)}`).concat('\n'))
      }
    }
  },
})
