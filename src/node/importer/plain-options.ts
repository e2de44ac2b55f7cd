import type { AddOptions } from './add.ts'
import type { ImportOptions } from './settings.ts'

/** What decides CIDs, when nothing is asked for: the config does. */
export const IMPORT_PLAIN: ImportOptions = {
  chunker: undefined,
  trickle: undefined,
  rawLeaves: undefined,
  cidVersion: undefined,
  hash: undefined,
  inline: false,
  inlineLimit: 32,
  maxFileLinks: undefined,
  maxDirectoryLinks: undefined,
  maxHamtFanout: undefined,
  preserveMode: false,
  preserveMtime: false,
  mode: undefined,
  mtime: undefined,
  mtimeNsecs: undefined,
  nocopy: false,
}

/** `add` without options, and without what is for large trees and for people who look on. */
export const ADD_PLAIN: AddOptions = {
  ...IMPORT_PLAIN,
  wrapWithDirectory: false,
  emptyDirs: true,
  onlyHash: false,
  silent: false,
  progress: false,
  pin: true,
  pinName: undefined,
  toFiles: undefined,
  checkpoint: false,
  fscache: false,
  fastProvideRoot: undefined,
  fastProvideDag: undefined,
  fastProvideWait: undefined,
}
