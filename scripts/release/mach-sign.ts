import { createHash } from 'node:crypto'

/** A header of Mach-O with 64 bits is so long; load commands follow. */
const HEADER_BYTES = 32
const LC_SEGMENT_64 = 0x19
const LC_CODE_SIGNATURE = 0x1d
const SUPER_BLOB = 0xfade0cc0
const CODE_DIRECTORY = 0xfade0c02
/** As linkers sign: by nobody, which macOS takes for programs that were not downloaded by a browser. */
const FLAGS_ADHOC_LINKER_SIGNED = 0x20002
const VERSION_WITH_EXECUTABLE_SEGMENT = 0x20400
const CODE_DIRECTORY_BYTES = 88
const PAGE_BITS = 12
const HASH = { sha256: 2, bytes: 32 }
const MAIN_BINARY = 1n

/** A load command, by where it stands. */
interface Segment {
  readonly at: number
  readonly name: string
}

/**
 * Signs a Mach-O executable as linkers do, in place of the signature that it has: Bun leaves the one of its template in
 * executables for other processors, which fits no longer, and macOS may kill what it does not fit.
 */
export function signMachO(executable: Buffer, identifier: string): Buffer {
  const { segments, signatureAt } = loadCommands(executable)
  const text = segments.find(({ name }) => name === '__TEXT')
  const linkEdit = segments.find(({ name }) => name === '__LINKEDIT')
  if (signatureAt === undefined || text === undefined || linkEdit === undefined)
    throw new Error('no room for a signature')
  const codeBytes = executable.readUInt32LE(signatureAt + 8)
  const name = Buffer.from(`${identifier}\0`)
  const slots = Math.ceil(codeBytes / 2 ** PAGE_BITS)
  const directoryBytes = CODE_DIRECTORY_BYTES + name.length + slots * HASH.bytes
  const blobBytes = 20 + directoryBytes
  const signatureBytes = Math.ceil(blobBytes / 16) * 16
  const signed = Buffer.concat([executable.subarray(0, codeBytes), Buffer.alloc(signatureBytes)])
  signed.writeUInt32LE(signatureBytes, signatureAt + 12)
  const linkEditBytes = BigInt(signed.length) - signed.readBigUInt64LE(linkEdit.at + 40)
  signed.writeBigUInt64LE(linkEditBytes, linkEdit.at + 48)
  const memoryBytes = (linkEditBytes + 0x3fffn) & ~0x3fffn
  if (signed.readBigUInt64LE(linkEdit.at + 32) < linkEditBytes) signed.writeBigUInt64LE(memoryBytes, linkEdit.at + 32)

  const directory = signed.subarray(codeBytes + 20)
  const fields = [CODE_DIRECTORY, directoryBytes, VERSION_WITH_EXECUTABLE_SEGMENT, FLAGS_ADHOC_LINKER_SIGNED]
  const offsets = [CODE_DIRECTORY_BYTES + name.length, CODE_DIRECTORY_BYTES, 0, slots, codeBytes]
  for (const [index, value] of [...fields, ...offsets].entries()) directory.writeUInt32BE(value, index * 4)
  directory.set([HASH.bytes, HASH.sha256, 0, PAGE_BITS], 36)
  directory.writeBigUInt64BE(signed.readBigUInt64LE(text.at + 40), 64)
  directory.writeBigUInt64BE(signed.readBigUInt64LE(text.at + 48), 72)
  directory.writeBigUInt64BE(MAIN_BINARY, 80)
  directory.set(name, CODE_DIRECTORY_BYTES)
  for (const [index, value] of [SUPER_BLOB, blobBytes, 1, 0, 20].entries())
    signed.writeUInt32BE(value, codeBytes + index * 4)
  for (let slot = 0; slot < slots; slot++) {
    const page = signed.subarray(slot << PAGE_BITS, Math.min((slot + 1) << PAGE_BITS, codeBytes))
    directory.set(createHash('sha256').update(page).digest(), CODE_DIRECTORY_BYTES + name.length + slot * HASH.bytes)
  }
  return signed
}

function loadCommands(bytes: Buffer): { segments: Segment[]; signatureAt: number | undefined } {
  const segments: Segment[] = []
  let signatureAt: number | undefined
  let at = HEADER_BYTES
  for (let left = bytes.readUInt32LE(16); left > 0; left--) {
    const kind = bytes.readUInt32LE(at)
    if (kind === LC_CODE_SIGNATURE) signatureAt = at
    if (kind === LC_SEGMENT_64)
      segments.push({ at, name: bytes.toString('latin1', at + 8, at + 24).replace(/\0+$/, '') })
    at += bytes.readUInt32LE(at + 4)
  }
  return { segments, signatureAt }
}
