import { defineCommand } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import type { Globals } from '../contract/globals.ts'
import { flag, int, text } from '../contract/params.ts'

interface Line {
  readonly Message: string
}

export const daemon = defineCommand({
  path: 'daemon',
  summary: 'Run a node that stays on the network',
  description: `Runs in the foreground until SIGTERM, SIGINT or "tsipfs shutdown". It lends the network to the commands that run beside it on the same repo, and serves the RPC to other programs: on the socket api.sock in the repo, and wherever Addresses.API says.

Commands need no daemon; one makes fetches begin sooner and keeps what you have reachable.

Under systemd use Type=notify with NotifyAccess=all; under s6 use --ready-fd.`,
  examples: [
    { line: 'tsipfs daemon', explains: 'Run in the foreground.' },
    { line: 'tsipfs daemon --detach', explains: 'Return when it is ready; end it with: tsipfs daemon stop.' },
    { line: 'tsipfs daemon --init --init-profile=test', explains: 'Make the repo first, if there is none.' },
  ],
  needs: 'nothing',
  localOnly: true,
  result: { Message: 'text' },
  params: {
    detach: flag('Return when the daemon is ready, and leave it running', { short: 'd' }),
    readyFd: int('Write to this file descriptor when ready, and close it', { placeholder: 'fd', min: 3 }),
    init: flag('Make the repo if there is none'),
    initConfig: text('Config file to begin with, for --init', { placeholder: 'path', complete: 'file' }),
    initProfile: text('Profiles to apply, for --init', { placeholder: 'names', complete: 'profile' }),
    routing: text('Routing, in place of Routing.Type of the config', {
      initial: 'default',
      placeholder: 'type',
      offers: ['default', 'auto', 'autoclient', 'dht', 'dhtclient', 'dhtserver', 'none', 'delegated'],
    }),
    mount: flag('Mount IPFS as a file system (not supported)'),
    mountIpfs: text('Where to mount IPFS (not supported)', { placeholder: 'path' }),
    mountIpns: text('Where to mount IPNS (not supported)', { placeholder: 'path' }),
    mountMfs: text('Where to mount MFS (not supported)', { placeholder: 'path' }),
    unrestrictedApi: flag('Accepted for compatibility; changes nothing'),
    disableTransportEncryption: flag('Turn encryption off (not supported)'),
    enableGc: flag('Collect garbage when the repo grows too large'),
    manageFdlimit: flag('Accepted for compatibility; changes nothing', { initial: true }),
    migrate: flag('Accepted for compatibility: repos are migrated as they are opened'),
    enablePubsubExperiment: flag('Turn pubsub on, in place of Pubsub.Enabled of the config', { deprecated: true }),
    enableNamesysPubsub: flag('Turn IPNS over pubsub on, in place of Ipns.UsePubsub', { deprecated: true }),
    enableMplexExperiment: flag('Accepted for compatibility; changes nothing', { deprecated: true }),
    agentVersionSuffix: text('Suffix to the agent version that peers see', { placeholder: 'text' }),
  },
  check(input) {
    if (input.mount) throw new Failure('usage', '--mount: mounting is not supported')
    if (input.disableTransportEncryption) {
      throw new Failure('usage', '--disable-transport-encryption: connections are always encrypted')
    }
  },
  async *run(input, { globals, signal, repoPath }): AsyncIterable<Line> {
    if (input.init) await makeRepo(repoPath, input, signal)
    if (input.detach) {
      const { detachDaemon } = await import('../node/daemon-detach.ts')
      yield* await detachDaemon(repoPath, signal)
      return
    }
    const { runDaemon } = await import('../rpc/run-daemon.ts')
    const { commands } = await import('./index.ts')
    yield* runDaemon({
      repoPath,
      globals: { ...globals, set: [...overrides(input), ...globals.set] } satisfies Globals,
      commands,
      signal,
      env: process.env,
      enableGc: input.enableGc,
      readyFd: input.readyFd,
    })
  },
  async render(outputs, { out }) {
    for await (const { Message } of outputs) await out.write(`${Message}\n`)
  },
})

interface RunOptions {
  readonly routing: string
  readonly enablePubsubExperiment: boolean
  readonly enableNamesysPubsub: boolean
  readonly agentVersionSuffix: string | undefined
}

/** Options that only stand in for a key of the config. */
function overrides(input: RunOptions): (readonly [string, string])[] {
  const set: (readonly [string, string])[] = []
  if (input.routing !== 'default' && input.routing !== '') set.push(['Routing.Type', input.routing])
  if (input.enablePubsubExperiment) set.push(['Pubsub.Enabled', 'true'])
  if (input.enableNamesysPubsub) set.push(['Ipns.UsePubsub', 'true'])
  if (input.agentVersionSuffix !== undefined) set.push(['Version.AgentSuffix', input.agentVersionSuffix])
  return set
}

async function makeRepo(
  repoPath: string,
  input: { readonly initConfig: string | undefined; readonly initProfile: string | undefined },
  signal: AbortSignal,
): Promise<void> {
  const [{ isRepo }, { initRepo }] = await Promise.all([import('../repo/open.ts'), import('../repo/init.ts')])
  if (await isRepo(repoPath)) return
  const config = input.initConfig === undefined ? undefined : await readConfigFile(input.initConfig)
  await initRepo(repoPath, { profiles: input.initProfile, config, signal })
}

async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  const [{ readFile }, { systemFailure }] = await Promise.all([
    import('node:fs/promises'),
    import('../contract/failure.ts'),
  ])
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw systemFailure(error, path)
  }
  throw new Failure('failed', `${path}: not a config file: one JSON object is wanted`)
}
