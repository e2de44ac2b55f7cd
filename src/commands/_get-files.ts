import { devNull } from 'node:os'
import { basename, normalize, resolve } from 'node:path'
import { Failure } from '../contract/failure.ts'
import { byteReporter, writePieces } from './_write-pieces.ts'
import type { GetView } from './get.ts'

/** Returns where the result goes, as the user knows it: --output, else the last part of the path. */
export function pathOf({ input }: GetView): string {
  if (input.output !== undefined && input.output !== '') return input.output
  const last = basename(input.path.replace(/\/+$/, ''))
  // `CID/a/..` is a path, but no name.
  return last === '' || last === '.' || last === '..' ? basename(normalize(input.path)) : last
}

/** Saves an archive, or a compressed file, as it comes. */
export async function saveArchive(outputs: AsyncIterable<Uint8Array>, path: string, view: GetView): Promise<void> {
  const { GetTarget } = await import('../node/get-target.ts')
  const named = withExtension(path, view)
  const target = new GetTarget(resolve(view.io.cwd, named), named, {
    noClobber: !view.input.clobber,
    signal: view.signal,
    wrote: byteReporter(view),
  })
  await target.addBytes(await begin(outputs, `Saving archive to ${named}`, named, view))
  await view.progress.clear()
}

/** Writes a single file, or an archive as it comes, to standard output. */
export async function printFile(outputs: AsyncIterable<Uint8Array>, view: GetView): Promise<void> {
  const { input, out } = view
  const wrote = byteReporter(view)
  if (input.archive || input.compress) await writePieces(outputs, out, wrote)
  else {
    const { untar } = await import('../node/untar.ts')
    for await (const { header, content } of untar(outputs)) {
      if (header.type !== 'file') {
        throw new Failure('failed', `${input.path} is no file`, { hint: 'add --archive to write it as a tar archive' })
      }
      await writePieces(content(), out, wrote)
    }
  }
  await view.progress.clear()
}

function withExtension(path: string, { input }: GetView): string {
  let named = path
  if (input.archive && !named.endsWith('.tar') && !named.endsWith('.tar.gz')) named += '.tar'
  if (input.compress && !named.endsWith('.gz')) named += '.gz'
  return named
}

/** Unpacks the archive that comes. */
export async function saveFiles(outputs: AsyncIterable<Uint8Array>, path: string, view: GetView): Promise<void> {
  const [{ GetTarget }, { untar }] = await Promise.all([import('../node/get-target.ts'), import('../node/untar.ts')])
  using target = new GetTarget(resolve(view.io.cwd, path), path, {
    noClobber: !view.input.clobber,
    signal: view.signal,
    wrote: byteReporter(view),
  })
  const archive = await begin(outputs, `Saving file(s) to ${path}`, path, view)
  for await (const entry of untar(archive)) {
    // As in Kubo, a folder can be thrown away as well as a file.
    if (path !== devNull) await target.add(entry)
  }
  if (path !== devNull) target.finish()
  await view.progress.clear()
}

/** Prints where the result goes, once its first bytes are there: a path that leads nowhere saves nothing. */
async function begin(
  outputs: AsyncIterable<Uint8Array>,
  line: string,
  path: string,
  view: GetView,
): Promise<AsyncIterable<Uint8Array>> {
  const iterator = outputs[Symbol.asyncIterator]()
  const first = await iterator.next()
  const { isDevicePath } = await import('../node/get-target.ts')
  // When the result itself goes to standard output, the line must not.
  const sink = isDevicePath(resolve(view.io.cwd, path)) ? view.err : view.out
  return (async function* () {
    try {
      await sink.write(`${line}\n`)
      for (let next = first; next.done !== true; next = await iterator.next()) yield next.value
    } finally {
      await iterator.return?.()
    }
  })()
}
