import { type Answer, GatewayError, pathEscape, redirect } from './answer.ts'
import { base36, peerKey } from './names.ts'
import type { GatewayRequest } from './request.ts'

/** Returns where a path that is written oddly lies; undefined when it is written well. Throws 400. */
export function movedPath(request: GatewayRequest): Answer | undefined {
  const { path, headers, rawQuery } = request
  if (headers['service-worker'] === 'script' && /^\/ip[fn]s\/[^/]+$/.test(path)) {
    throw new GatewayError(400, 'navigator.serviceWorker: registration is not allowed for this scope')
  }
  const query = rawQuery === '' ? '' : `?${rawQuery}`
  const [, namespace, root = '', ...rest] = path.split('/')
  if (namespace === 'ipns' && !request.isDnsLink) {
    const key = peerKey(root)
    const name = key === undefined ? root : base36(key)
    if (name !== root) return redirect(302, `/ipns/${[name, ...rest.map(pathEscape)].join('/')}${query}`)
  }
  if (namespace === 'ipfs' && (root === 'ipfs' || root === 'ipns') && rest.length > 0) {
    return redirect(301, `/${root}/${rest.map(pathEscape).join('/')}${query}`)
  }
  return undefined
}
