import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A gateway that does what it is told. */
export class TestGateway implements AsyncDisposable {
  readonly #server: Server
  readonly asked: string[] = []
  running = 0
  runningMax = 0

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(
    answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
  ): Promise<TestGateway> {
    const server = createServer(async (request, response) => {
      gateway.asked.push(request.url ?? '')
      gateway.running += 1
      gateway.runningMax = Math.max(gateway.runningMax, gateway.running)
      await answer(request, response)
      gateway.running -= 1
    })
    const gateway = new TestGateway(server)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return gateway
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
