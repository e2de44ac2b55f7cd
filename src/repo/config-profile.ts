import { Failure } from '../contract/failure.ts'
import { blocksKind } from './config-defaults.ts'
import { withoutSecrets } from './config-secrets.ts'
import { isObject, prettyJson, problemOf } from './config-values.ts'
import type { Profile } from './profiles.ts'
import { writeWhole } from './replace-file.ts'
import type { Config, Repo } from './roles.ts'

/** One key that differs; undefined where it is not there. */
export interface ConfigDifference {
  readonly key: string
  readonly before: unknown
  readonly after: unknown
}

/**
 * Applies a profile to the config file and returns the config before and after, without secrets. The file as it was is
 * kept beside it. Throws `failed` for a profile that would change how blocks are stored.
 */
export async function applyProfile(
  repo: Pick<Repo, 'config' | 'path'>,
  name: string,
  profile: Profile,
  options: { dryRun: boolean },
): Promise<{ OldCfg: Config; NewCfg: Config }> {
  const before = await repo.config.readFile()
  const after = structuredClone(before)
  await profile.transform(after)
  if (blocksKind(before) !== blocksKind(after)) {
    throw new Failure('failed', `the profile ${name} changes how blocks are stored, which only init can`, {
      hint: `make another repo with: tsipfs --repo-dir PATH init --profile=${name}`,
    })
  }
  const problem = problemOf(after)
  if (problem !== undefined) throw new Failure('usage', problem)
  if (!options.dryRun) {
    const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-')
    await writeWhole(`${repo.path}/config-pre-${name}-${stamp}`, prettyJson(before))
    // Whatever another process has changed meanwhile is changed by the profile too.
    let transformed: Config = after
    const present = await repo.config.readFile()
    if (JSON.stringify(present) !== JSON.stringify(before)) {
      transformed = structuredClone(present)
      await profile.transform(transformed)
    }
    await repo.config.update(() => transformed)
  }
  return { OldCfg: withoutSecrets(before), NewCfg: withoutSecrets(after) }
}

/** Yields every key whose value differs, the deepest that can be named, in the order of names. */
export function* configDifference(before: unknown, after: unknown, path = ''): Iterable<ConfigDifference> {
  if (!isObject(before) || !isObject(after)) {
    if (JSON.stringify(before) !== JSON.stringify(after)) yield { key: path, before, after }
    return
  }
  for (const key of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()) {
    yield* configDifference(before[key], after[key], path === '' ? key : `${path}.${key}`)
  }
}
