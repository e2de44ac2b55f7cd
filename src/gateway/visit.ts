import type { Node } from '../node/node.ts'
import type { Waiting } from '../repo/roles.ts'
import type { GatewayConfig } from './config.ts'
import type { Format, GatewayRequest } from './request.ts'
import type { ContentPath } from './resolve.ts'

/** One question on its way to an answer. */
export interface Visit {
  readonly config: GatewayConfig
  readonly node: Node
  readonly request: GatewayRequest
  readonly format: Format
  readonly path: ContentPath
  readonly waiting: Waiting
}
