/** What the gateway is asked in its test, and how. */
import { request } from 'node:http'

export interface Ask {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Told {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Asks over a connection of its own. Headers that say nothing of the content are left out. */
export function ask(base: string, { method, path, headers = {} }: Ask): Promise<Told> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, method, path, headers, agent: false }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { date: _, connection: __, 'keep-alive': ___, ...kept } = response.headers
        const told = Object.entries(kept).map(([name, value]) => [name, String(value)])
        resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(told), body: Buffer.concat(chunks) })
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** The roots in `content.car`. */
export const ROOTS = {
  tree: 'bafybeihm574cdzknhxkkd5q4cunb67ux3f7ao3qwlq6qmtzumzusrf6cqq',
  cbor: 'bafyreicppn5segckm7akwr4i3bkfo2lumsirmqy4rhozas2gki6cblujv4',
  json: 'baguqeerakbab327p4m24qotz7uvuv7ymhejm6rs5au2pfpczxiuzwskkdnha',
  timed: 'bafybeiew4h4rsmbunymldtjy5r55e5hrj4v6fwjipsoeknzgoofvevgf3m',
  old: 'QmTNBGgm1aU1qbNm4RENekeoV6519PVpb1RdfqYnXL1JZN',
  site: 'bafybeifg2wishsooydhlqz6yn4wquk3xb4ozizuwdwlxrgqorb3bm75va4',
  hello: 'bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am',
  hamt: 'bafybeiewp44vuhvt3s7xkm7nv6jcjvn7csd2xzqkrbgvfbp3zsnv525iim',
} as const

const { tree, cbor, json, timed, old, site, hello, hamt } = ROOTS
const PEER = '12D3KooWFNYvSNid3Hu3WJaxNhKzYpSyv9cPrdJv8cLdFHsWhDgW'
const LOCAL = { host: 'localhost:8080' }
const on = (root: string): Record<string, string> => ({ host: `${root}.ipfs.localhost:8080` })
const get = (path: string, headers?: Record<string, string>): Ask => ({
  method: 'GET',
  path,
  ...(headers === undefined ? {} : { headers }),
})
const head = (path: string, headers?: Record<string, string>): Ask => ({ ...get(path, headers), method: 'HEAD' })

const files: readonly Ask[] = [
  get(`/ipfs/${tree}/hello.txt`),
  head(`/ipfs/${tree}/hello.txt`),
  get(`/ipfs/${tree}`),
  get(`/ipfs/${tree}/docs?x=1`),
  get(`/ipfs/${tree}/docs/%C3%A4.txt`),
  get(`/ipfs/${tree}/docs/a%20b.txt`),
  get(`/ipfs/${tree}/docs/50%25.txt`),
  get(`/ipfs/${tree}/docs/%3Cb%3E&%22q.txt`),
  get(`/ipfs/${tree}/docs/a%20b.txt?filename=t%C3%A4st%20x.pdf`),
  get(`/ipfs/${tree}/docs/a%20b.txt?filename=x.pdf&download=true`),
  get(`/ipfs/${tree}/site/`),
  get(`/ipfs/${tree}/site/old/x`),
  get(`/ipfs/${tree}/bad/`),
  get(`/ipfs/${tree}/link`),
  get(`/ipfs/${tree}/noext`),
  get(`/ipfs/${tree}/image`),
  get(`/ipfs/${tree}/data.json`),
  get(`/ipfs/${tree}/page.html`),
  get(`/ipfs/${tree}/empty`),
  get(`/ipfs/${timed}`),
  get(`/ipfs/${timed}`, { 'if-modified-since': 'Sun, 13 Sep 2020 12:26:40 GMT' }),
  get(`/ipfs/${timed}`, { 'if-modified-since': 'Sun, 13 Sep 2010 12:26:40 GMT' }),
  get(`/ipfs/${old}`),
  get(`/ipfs//${tree}?a=b`),
  get(`//ipfs/${tree}/./hello.txt`),
  get(`/ipfs/${tree}/sub/../`),
  get(`/ipfs/${hamt}/name-77`),
  get(`/ipfs/${hamt}/none`),
]

const ranges: readonly Ask[] = [
  ...['5-9', '-5', '690-', '95-210', '5-9,20-30', '80000-', 'x', '9-5', '0-100000'].map(range =>
    get(`/ipfs/${tree}/big.bin`, { range: `bytes=${range}` }),
  ),
  get(`/ipfs/${tree}/big.bin`, { range: 'items=5-9' }),
  head(`/ipfs/${tree}/big.bin`, { range: 'bytes=5-9' }),
  get(`/ipfs/${tree}/hello.txt`, { range: 'bytes=0-1', 'if-range': '"x"' }),
  get(`/ipfs/${tree}/hello.txt`, { range: 'bytes=0-1', 'if-range': `"${hello}"` }),
]

const conditions: readonly Ask[] = [
  ...[`"${hello}"`, `W/"${hello}"`, '*', `"x", "${hello}"`, '"x"'].map(tags =>
    get(`/ipfs/${tree}/hello.txt`, { 'if-none-match': tags }),
  ),
  get(`/ipfs/${tree}/hello.txt`, { 'if-match': '"x"' }),
  get(`/ipfs/${tree}/hello.txt?format=raw`, { 'if-none-match': `"${hello}.raw"` }),
  get(`/ipfs/${tree}/hello.txt`, { 'cache-control': 'only-if-cached' }),
]

const refusals: readonly Ask[] = [
  get(`/ipfs/${tree}/nope`),
  get(`/ipfs/${tree}/hello.txt/x`),
  get('/ipfs/'),
  get('/ipfs'),
  get('/'),
  get('/foo'),
  { method: 'POST', path: `/ipfs/${tree}/hello.txt` },
  { method: 'PUT', path: `/ipfs/${tree}/hello.txt` },
  { method: 'DELETE', path: '/ipfs/x' },
  get(`/ipfs/${tree}`, { 'service-worker': 'script' }),
]

const blocks: readonly Ask[] = [
  get(`/ipfs/${tree}?format=raw`),
  head(`/ipfs/${tree}?format=raw`),
  get(`/ipfs/${tree}/hello.txt`, { accept: 'application/vnd.ipld.raw' }),
  get(`/ipfs/${tree}/hello.txt?format=raw`, { range: 'bytes=1-2' }),
  get('/ipfs/bafkqaaa?format=raw'),
  head('/ipfs/bafkqaaa?format=raw'),
  get(`/ipfs/${tree}/big.bin?format=raw&filename=foo.x`),
]

const car = (path: string): Ask => get(`/ipfs/${tree}${path}`)
const cars: readonly Ask[] = [
  car('?format=car'),
  head(`/ipfs/${tree}?format=car`),
  car('/docs?format=car'),
  get(`/ipfs/${tree}`, { accept: 'application/vnd.ipld.car; version=1; order=dfs; dups=y' }),
  car('/docs/sub?format=car&dag-scope=block'),
  car('/docs?format=car&dag-scope=entity'),
  ...['0:10', '-10:*', '250:399', '-300:-200', '0:*'].map(range =>
    car(`/big.bin?format=car&dag-scope=entity&entity-bytes=${range}`),
  ),
  car('/big.bin?format=car&dag-scope=entity'),
  ...['dag-scope=x', 'entity-bytes=x', 'car-version=2', 'car-order=x', 'car-dups=x', 'car-order=unk&car-dups=y'].map(
    query => car(`?format=car&${query}`),
  ),
  car('/nope?format=car'),
  get(`/ipfs/${cbor}?format=car`),
  get(`/ipfs/${cbor}/hello?format=car`),
  get(`/ipfs/${hamt}?format=car&dag-scope=entity`),
  get(`/ipfs/${hamt}/name-77?format=car&dag-scope=entity`),
]

const documents: readonly Ask[] = [
  head(`/ipfs/${tree}/docs?format=tar`),
  get(`/ipfs/${cbor}?format=tar`),
  ...['', '?format=dag-cbor', '?format=dag-json', '?format=cbor', '?format=json', '/hello', '/link', '/nope'].map(
    rest => get(`/ipfs/${cbor}${rest}`),
  ),
  ...['', '?format=json', '/n/m', '?download=true'].map(rest => get(`/ipfs/${json}${rest}`)),
  ...['?format=dag-json', '?format=json', '?format=dag-cbor'].map(rest => get(`/ipfs/${tree}${rest}`)),
  ...['?format=json', '?format=foo', '?format=ipns-record'].map(rest => get(`/ipfs/${tree}/hello.txt${rest}`)),
  get(`/ipfs/${tree}/hello.txt`, { accept: 'application/vnd.ipld.foo' }),
  get(`/ipfs/${tree}/hello.txt`, { accept: 'application/json' }),
]

const addresses: readonly Ask[] = [
  get(`/ipfs/ipfs/${tree}/hello.txt`),
  get(`/ipfs/?uri=ipfs%3A%2F%2F${tree}%2Fhello.txt%3Fa%3Db`),
  get('/ipfs/?uri=http%3A%2F%2Fx'),
  get(`/ipns/${PEER}`),
  get(`/ipns/${PEER}/a?b=c`),
  get(`/ipfs/${tree}/hello.txt`, LOCAL),
  get(`/ipfs/${old}?a=b`, LOCAL),
  get(`/ipns/${PEER}/x`, LOCAL),
  get('/ipns/en.wikipedia-on-ipfs.org/wiki', LOCAL),
  get('/foo', LOCAL),
  get(`/ipfs/${tree}/docs/%C3%A4.txt?x=%20`, { ...LOCAL, 'x-forwarded-proto': 'https' }),
  get(`/ipfs/${tree}/hello.txt`, { host: 'gw.example', 'x-forwarded-host': 'localhost:8080' }),
  get(`/ipfs/${tree}/hello.txt`, { host: 'example.invalid' }),
  get('/hello.txt', on(tree)),
  get('/docs', on(tree)),
  get('/nope', on(tree)),
  get('/x', on(old)),
]

const sites: readonly Ask[] = [
  ...['/', '/old/x', '/old/x?q=1', '/spa/a/b', '/gone', '/else', '/nested', '/nested/nope'].map(path =>
    get(path, on(site)),
  ),
  head('/else', on(site)),
  head('/spa/x', on(site)),
]

/** Everything that is asked of both. */
export const REQUESTS: readonly Ask[] = [
  ...files,
  ...ranges,
  ...conditions,
  ...refusals,
  ...blocks,
  ...cars,
  ...documents,
  ...addresses,
  ...sites,
]
