import { GatewayError } from './answer.ts'

/** Which blocks of a DAG a CAR is to hold: https://specs.ipfs.tech/http-gateways/trustless-gateway/ */
export interface CarParams {
  readonly scope: 'all' | 'entity' | 'block'
  readonly order: 'dfs' | 'unk'
  /** A block that occurs twice is sent twice. */
  readonly duplicates: boolean
  /** The bytes of the file that are wanted; counted from the end when negative. */
  readonly range?: { readonly from: number; readonly to: number | undefined } | undefined
}

const TYPE = 'application/vnd.ipld.car'

/** Returns what the query, or else the parameters of the accepted type, ask for. Throws 400. */
export function carParams(query: URLSearchParams, accepted: Readonly<Record<string, string>>): CarParams {
  const asked = (key: string, parameter: string): string => query.get(key) || (accepted[parameter] ?? '')
  const range = query.get('entity-bytes')
  const scope = query.get('dag-scope') ?? 'all'
  if (scope !== 'all' && scope !== 'entity' && scope !== 'block') throw unsupported('scope parameter')
  const parsed = range === null ? undefined : parseEntityBytes(range)
  const version = asked('car-version', 'version')
  if (version !== '' && version !== '1') throw unsupported('version: only version=1 is supported')
  const order = asked('car-order', 'order') || 'dfs'
  if (order !== 'dfs' && order !== 'unk') throw unsupported('order parameter')
  const duplicates = asked('car-dups', 'dups') || 'n'
  if (duplicates !== 'y' && duplicates !== 'n') throw unsupported('dups parameter')
  return { scope, order, duplicates: duplicates === 'y', range: parsed }
}

/** Returns the type of the answer, in full. */
export function carType({ order, duplicates }: CarParams): string {
  return `${TYPE}; version=1; order=${order}; dups=${duplicates ? 'y' : 'n'}`
}

function parseEntityBytes(text: string): { from: number; to: number | undefined } {
  const bad = (cause: string): GatewayError =>
    new GatewayError(400, `invalid ${TYPE} entity-bytes URL parameter: ${cause}`)
  const parts = text.split(':')
  if (parts.length !== 2) throw bad("range must have two numbers separated with ':'")
  const number = (part = ''): number => {
    if (/^[+-]?\d+$/.test(part) && Number.isSafeInteger(Number(part))) return Number(part)
    throw bad(`strconv.ParseInt: parsing ${JSON.stringify(part)}: invalid syntax`)
  }
  const from = number(parts[0])
  if (parts[1] === '*') return { from, to: undefined }
  const to = number(parts[1])
  if (from >= 0 === to >= 0 && from > to) throw bad("cannot have an entity-bytes range where 'from' is after 'to'")
  return { from, to }
}

function unsupported(what: string): GatewayError {
  return new GatewayError(400, `unsupported ${TYPE} ${what}`)
}
