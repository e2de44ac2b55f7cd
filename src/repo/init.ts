import { access, constants, mkdir, readFile } from 'node:fs/promises'
import { setTimeout as later } from 'node:timers/promises'
import { errorCode, Failure, systemFailure } from '../contract/failure.ts'
import { GLOBALS_DEFAULT, type Globals } from '../contract/globals.ts'
import { checkConfigSize } from './config.ts'
import { blocksKind, defaultConfig } from './config-defaults.ts'
import { completeConfig, isObject, prettyJson, problemOf } from './config-values.ts'
import { createStore } from './create.ts'
import { syncFolder } from './durable.ts'
import { generateKey, marshalPrivateKey, peerIdText, unmarshalPrivateKey } from './keys.ts'
import { type Layout, layoutOf, VERSION_TEXT } from './layout.ts'
import { KernelLock } from './locks.ts'
import type { Profile } from './profiles.ts'
import { writeWhole } from './replace-file.ts'
import type { Config } from './roles.ts'

/** How a repo is to be made. */
export interface InitOptions {
  /** The kind of its identity; `ed25519` unless said otherwise. */
  readonly algorithm?: string | undefined
  /** Bits of an RSA key. */
  readonly bits?: number | undefined
  /** Names of profiles, separated by commas. */
  readonly profiles?: string | undefined
  /** The config to begin with, in place of the default; an identity is made when it has none. */
  readonly config?: Config | undefined
  /** What counts for this run, for opening the fresh repo. */
  readonly globals?: Globals | undefined
  /** How the path is called in what is told; by default as it is. */
  readonly shown?: string | undefined
  /** Is told what happens, in Kubo's words; ends with a newline, or the next text continues the line. */
  readonly report?: ((text: string) => void | Promise<void>) | undefined
  readonly signal?: AbortSignal | undefined
}

const EMPTY_FOLDER = 'QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn'
const EMPTY_FOLDER_BYTES = Uint8Array.from([0x0a, 0x02, 0x08, 0x01])

/**
 * Makes a repo. It is there when its `version` file is, which is written last: of two at once one wins, and what a
 * killed run left hinders nobody. The fresh repo holds the empty folder, pinned, as Kubo's does. Throws a `failed`
 * Failure when there is a repo already.
 */
export async function initRepo(path: string, options: InitOptions = {}): Promise<{ peerId: string }> {
  const report = options.report ?? (() => {})
  const layout = layoutOf(path)
  const profiles = await namedProfiles(options.profiles)
  const { config, peerId } = await firstConfig(options, report)
  await report(`initializing IPFS node at ${options.shown ?? path}\n`)
  for (const profile of profiles) await profile.transform(config)
  const problem = problemOf(config)
  if (problem !== undefined) throw new Failure('usage', problem)

  await makeFolder(path)
  await refuseExisting(layout)
  await makeFolder(layout.locks)
  {
    using _lock = await KernelLock.wait(layout.configLock, 'exclusive', {
      timeoutMs: options.globals?.lockTimeoutMs ?? GLOBALS_DEFAULT.lockTimeoutMs,
      busy: 'another process is making a repo here',
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
    await refuseExisting(layout)
    await makeFolder(layout.keystore)
    await createStore(layout, blocksKind(config))
    const text = prettyJson(completeConfig(config))
    checkConfigSize(text)
    await writeWhole(layout.config, text)
    await writeWhole(layout.version, VERSION_TEXT, { mode: 0o644 })
    await syncFolder(path)
  }
  await pinEmptyFolder(path, options)
  return { peerId }
}

/** Returns the `Identity` section for a fresh key, telling what happens as Kubo does. */
export async function createIdentity(
  algorithm: string,
  bits: number | undefined,
  report: (text: string) => void | Promise<void>,
): Promise<{ peerId: string; privateKey: string }> {
  const names: Readonly<Record<string, string>> = { rsa: `${bits ?? 2048}-bit RSA`, ed25519: 'ED25519' }
  const making = generateKey(algorithm, bits)
  // A wrong kind or size is told before anything is said to be generated.
  await Promise.race([making, later(0)])
  await report(`generating ${names[algorithm] ?? algorithm} keypair...`)
  const key = await making
  await report('done\n')
  const peerId = peerIdText(key.publicKey)
  await report(`peer identity: ${peerId}\n`)
  return { peerId, privateKey: Buffer.from(marshalPrivateKey(key)).toString('base64') }
}

async function namedProfiles(names: string | undefined): Promise<Profile[]> {
  if (names === undefined || names === '') return []
  const { profilesByNames } = await import('./profiles.ts')
  return profilesByNames(names)
}

async function firstConfig(
  options: InitOptions,
  report: (text: string) => void | Promise<void>,
): Promise<{ config: Config; peerId: string }> {
  const given = options.config
  const identity = given?.Identity
  if (given !== undefined && isObject(identity) && typeof identity.PrivKey === 'string' && identity.PrivKey !== '') {
    const key = await unmarshalPrivateKey(Uint8Array.from(Buffer.from(identity.PrivKey, 'base64')))
    const peerId = peerIdText(key.publicKey)
    return { config: { ...given, Identity: { ...identity, PeerID: peerId } }, peerId }
  }
  const made = await createIdentity(options.algorithm ?? 'ed25519', options.bits, report)
  const fresh = defaultConfig(made)
  const config = given === undefined ? fresh : { ...fresh, ...given, Identity: fresh.Identity }
  return { config, peerId: made.peerId }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    await access(path, constants.W_OK)
  } catch (error) {
    throw systemFailure(error, path)
  }
}

/** Throws when there is a repo: ours, or one of Kubo's, which is never touched. */
async function refuseExisting(layout: Layout): Promise<void> {
  let version: string
  try {
    version = await readFile(layout.version, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw systemFailure(error, layout.version)
  }
  if (/^\d+\s*$/.test(version)) {
    throw new Failure('failed', `a repo of Kubo exists already at ${layout.root}`, {
      hint: `choose another folder; tsipfs repo import-kubo ${layout.root} copies what it holds`,
    })
  }
  throw new Failure('failed', `a repo exists already at ${layout.root}`, {
    hint: 'making it anew would overwrite its keys: remove the folder first, or choose another',
  })
}

async function pinEmptyFolder(path: string, { globals = GLOBALS_DEFAULT, signal }: InitOptions): Promise<void> {
  const [{ openRepo }, { CID }] = await Promise.all([import('./open.ts'), import('multiformats/cid')])
  await using repo = await openRepo(path, { globals, signal })
  const cid = CID.parse(EMPTY_FOLDER)
  await repo.blocks.put(cid, EMPTY_FOLDER_BYTES, { leaf: true })
  await repo.pins.put([{ cid, mode: 'recursive', name: '' }])
}
