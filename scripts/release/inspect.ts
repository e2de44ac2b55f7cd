import { createHash } from 'node:crypto'

/** Mach-O, 64 bits, little-endian. */
const MACH_O = 0xfeedfacf
const MACH_HEADER_BYTES = 32
const LC_CODE_SIGNATURE = 0x1d
const CPUS: Readonly<Record<number, string>> = { 16777223: 'x64', 16777228: 'arm64' }
const CODE_DIRECTORY = 0xfade0c02
const PE_MACHINES: Readonly<Record<number, string>> = { 34404: 'x64', 43620: 'arm64' }
const ELF_MACHINES: Readonly<Record<number, string>> = { 62: 'x64', 183: 'arm64' }

/** What an executable says of itself. */
export interface Inspected {
  readonly os: 'linux' | 'darwin' | 'win32'
  readonly cpu: string
  /** Of a signature: `sound` when each page of the file hashes to what it says. */
  readonly signature: 'none' | 'sound' | 'broken'
}

/** Returns what an executable is for, and whether its signature fits its bytes. Throws at what is no executable. */
export function inspectExecutable(bytes: Buffer): Inspected {
  if (bytes.readUInt32BE(0) === 0x7f454c46)
    return { ...of('linux', ELF_MACHINES[bytes.readUInt16LE(18)]), signature: 'none' }
  if (bytes.readUInt32LE(0) === MACH_O) {
    return { ...of('darwin', CPUS[bytes.readUInt32LE(4)]), signature: machSignature(bytes) }
  }
  const pe = bytes.toString('latin1', 0, 2) === 'MZ' ? bytes.readUInt32LE(0x3c) : 0
  if (pe === 0 || bytes.toString('latin1', pe, pe + 4) !== 'PE\0\0') throw new Error('this is no executable')
  // The fifth entry of the data directories, which begin 112 bytes into the optional header of PE32+.
  const signatureBytes = bytes.readUInt32LE(pe + 24 + 112 + 4 * 8 + 4)
  return {
    ...of('win32', PE_MACHINES[bytes.readUInt16LE(pe + 4)]),
    signature: signatureBytes === 0 ? 'none' : 'broken',
  }
}

function of<T extends Inspected['os']>(os: T, cpu: string | undefined): { os: T; cpu: string } {
  return { os, cpu: cpu ?? 'unknown' }
}

function machSignature(bytes: Buffer): Inspected['signature'] {
  let at = MACH_HEADER_BYTES
  for (let left = bytes.readUInt32LE(16); left > 0; left--) {
    if (bytes.readUInt32LE(at) === LC_CODE_SIGNATURE) return checkPages(bytes, bytes.readUInt32LE(at + 8))
    at += bytes.readUInt32LE(at + 4)
  }
  return 'none'
}

/** Compares the pages of a file with the hashes in its code directory: what is written at `blob`, in big-endian numbers. */
function checkPages(bytes: Buffer, blob: number): Inspected['signature'] {
  for (let entry = bytes.readUInt32BE(blob + 8) - 1; entry >= 0; entry--) {
    const directory = blob + bytes.readUInt32BE(blob + 12 + entry * 8 + 4)
    if (bytes.readUInt32BE(directory) !== CODE_DIRECTORY) continue
    const [hashes, slots, limit] = [16, 28, 32].map(offset => bytes.readUInt32BE(directory + offset))
    const size = bytes[directory + 36] ?? 0
    const pageBytes = 1 << (bytes[directory + 39] ?? 0)
    if (hashes === undefined || slots === undefined || limit === undefined || slots === 0 || size !== 32)
      return 'broken'
    for (let slot = 0; slot < slots; slot++) {
      const page = bytes.subarray(slot * pageBytes, Math.min((slot + 1) * pageBytes, limit))
      const expected = bytes.subarray(directory + hashes + slot * size, directory + hashes + (slot + 1) * size)
      if (!createHash('sha256').update(page).digest().equals(expected)) return 'broken'
    }
    return 'sound'
  }
  return 'broken'
}
