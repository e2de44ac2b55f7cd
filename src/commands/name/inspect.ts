import { defineCommand } from '../../contract/command.ts'
import { formatDuration } from '../../contract/duration.ts'
import { Failure } from '../../contract/failure.ts'
import { files, flag, text } from '../../contract/params.ts'
import { maybe } from '../../contract/shape.ts'
import { alignColumns } from '../_table.ts'

export const nameInspect = defineCommand({
  path: 'name inspect',
  summary: 'Show what an IPNS record says',
  description:
    'Prints the fields of a signed record, as "name get" fetches it. With --verify its signature and expiry are checked ' +
    'for a name.',
  examples: [
    { line: 'tsipfs name get k51… | tsipfs name inspect --verify=k51…', explains: 'Fetch a record and check it.' },
  ],
  needs: 'nothing',
  experimental: true,
  output: 'value',
  result: {
    Entry: {
      Value: 'text',
      ValidityType: maybe('int'),
      Validity: maybe('time'),
      Sequence: maybe('int'),
      TTL: maybe('int: nanoseconds'),
    },
    PbSize: 'int',
    SignatureType: 'text',
    HexDump: 'text',
    Validation: maybe({ Valid: 'flag', Reason: 'text', Name: 'text' }),
  },
  params: {
    record: files('record', 'The record to show', { many: false }),
    verify: text('The name for which the record is to be checked', { placeholder: 'name' }),
    dump: flag('Print the bytes of the record too', { initial: true }),
  },
  async *run(input, { source }) {
    const [{ readRecord }, record, { formatName, parseName }, { formatMoment }] = await Promise.all([
      import('../../node/ipns/read-record.ts'),
      import('../../node/ipns/record.ts'),
      import('../../node/ipns/name.ts'),
      import('../../node/ipns/moment.ts'),
    ])
    const bytes = await readRecord(source)
    const parsed = record.parseRecord(bytes)
    const ttl = await orNull(() => record.ttlOf(parsed))
    const Entry = {
      Value: (await orNull(() => record.targetOf(parsed))) ?? '',
      ValidityType: numberOrNull(await orNull(() => record.validityTypeOf(parsed))),
      Validity: await orNull(() => formatMoment(record.validUntil(parsed))),
      Sequence: numberOrNull(await orNull(() => record.sequenceOf(parsed))),
      TTL: numberOrNull(ttl ?? null),
    }
    yield {
      Entry,
      PbSize: bytes.length,
      SignatureType: record.signatureType(parsed),
      HexDump: input.dump ? hexDump(bytes) : '',
      Validation: input.verify === undefined ? null : await validation(input.verify),
    }

    async function validation(verify: string): Promise<{ Valid: boolean; Reason: string; Name: string }> {
      const name = parseName(verify)
      try {
        await record.checkRecord(parsed, name)
        return { Valid: true, Reason: '', Name: formatName(name) }
      } catch (error) {
        if (!(error instanceof Failure)) throw error
        return { Valid: false, Reason: error.message, Name: formatName(name) }
      }
    }
  },
  async render(outputs, { out }) {
    for await (const { Entry, PbSize, SignatureType, HexDump, Validation } of outputs) {
      const lines: string[] = []
      if (Entry.Value !== '') lines.push(`Value:\t${JSON.stringify(Entry.Value)}`)
      if (Entry.ValidityType !== null) lines.push(`Validity Type:\t${Entry.ValidityType}`)
      if (Entry.Validity !== null) lines.push(`Validity:\t${JSON.stringify(Entry.Validity)}`)
      if (Entry.Sequence !== null) lines.push(`Sequence:\t${Entry.Sequence}`)
      if (Entry.TTL !== null) lines.push(`TTL:\t${formatDuration(Entry.TTL / 1e6)}`)
      lines.push(`Protobuf Size:\t${PbSize}`, `Signature Type:\t${SignatureType}`)
      const parts = [`${alignColumns(lines, 0).join('\n')}\n`]
      if (Validation === null) {
        parts.push("\nThis record was not verified. Pass '--verify k51...' to verify.\n")
      } else {
        const rows = [`\tValid:\t${Validation.Valid}`, `\tName:\t${Validation.Name}`]
        if (Validation.Reason !== '') rows.splice(1, 0, `\tReason:\t${Validation.Reason}`)
        parts.push(`\nValidation results:\n${alignColumns(rows, 0).join('\n')}\n`)
      }
      if (HexDump !== '') parts.push(`\nHex Dump:\n${HexDump}`)
      await out.write(parts.join(''))
    }
  },
})

/** Returns what a record says somewhere, and null where it does not say it: all that can be shown is. */
async function orNull<T>(read: () => T | Promise<T>): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof Failure) return null
    throw error
  }
}

function numberOrNull(value: bigint | null): number | null {
  return value === null ? null : Number(value)
}

/** Returns bytes as Go's `hex.Dump` shows them. */
function hexDump(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)]
    const cells = Array.from({ length: 16 }, (_, nth) => {
      const byte = row[nth]
      return `${byte === undefined ? '  ' : byte.toString(16).padStart(2, '0')} ${nth === 7 ? ' ' : ''}`
    })
    const signs = row.map(byte => (byte < 32 || byte > 126 ? '.' : String.fromCharCode(byte)))
    lines.push(`${at.toString(16).padStart(8, '0')}  ${cells.join('')} |${signs.join('')}|\n`)
  }
  return lines.join('')
}
