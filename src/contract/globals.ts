/** Options that every command takes, after parsing. They travel with a call. */
export interface Globals {
  /** Time limit of the whole command, in milliseconds: a node that it is sent to keeps to it by itself. */
  readonly timeoutMs: number | undefined
  /** Nothing may be asked of the network. */
  readonly offline: boolean
  /** Multibase name (`base32`) for CIDs in output; undefined: as they are. */
  readonly cidBase: string | undefined
  /** Show CIDv0 as CIDv1 in output: true when --upgrade-cidv0-in-output, or a --cid-base other than base58btc, was given. */
  readonly upgradeCidV0: boolean
  /** Time allowed until a first provider of a missing block answers, in milliseconds. */
  readonly lookupTimeoutMs: number
  /** Time allowed without a single byte from the network, in milliseconds. */
  readonly stallTimeoutMs: number
  /** Time allowed to wait for a lock on the repo, in milliseconds. */
  readonly lockTimeoutMs: number
  /** `none` leaves flushing to the operating system. */
  readonly durability: 'full' | 'none'
  /** Multiaddrs of peers to dial for missing blocks. */
  readonly peers: readonly string[]
  /** URLs of trustless gateways to ask for missing blocks too. */
  readonly gateways: readonly string[]
  /** Config keys overridden for this run (`--set Key.Sub=value`, `TSIPFS_KEY__SUB`), in order. */
  readonly set: readonly (readonly [key: string, value: string])[]
}

export const GLOBALS_DEFAULT: Globals = {
  timeoutMs: undefined,
  offline: false,
  cidBase: undefined,
  upgradeCidV0: false,
  lookupTimeoutMs: 60_000,
  stallTimeoutMs: 60_000,
  lockTimeoutMs: 60_000,
  durability: 'full',
  peers: [],
  gateways: [],
  set: [],
}

/**
 * Whether CIDv0 is shown as CIDv1: CIDv0 can be written in base58btc alone, so that any other base makes CIDv1, unless
 * the caller says otherwise.
 */
export function upgradesCidV0(asked: boolean | undefined, cidBase: string | undefined): boolean {
  if (asked !== undefined) return asked
  return cidBase !== undefined && cidBase !== '' && cidBase !== 'base58btc' && cidBase !== 'z'
}
