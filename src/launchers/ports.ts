import { createServer } from 'node:net'

/** The ports of one gateway's backends: checks that one is free, and chooses free ones. */
export class Ports {
  /** Chosen for a backend that may not have bound it yet: not to be chosen twice. */
  readonly #claimed = new Set<number>()

  /** A free port of this host, claimed until `release`. */
  async choose(host: string): Promise<number> {
    for (;;) {
      const port = await listenOnce(host, 0)
      if (this.#claimed.has(port)) continue
      this.#claimed.add(port)
      return port
    }
  }

  release(port: number): void {
    this.#claimed.delete(port)
  }

  /** Whether a program could listen there now. */
  async isFree(host: string, port: number): Promise<boolean> {
    try {
      await listenOnce(host, port)
      return true
    } catch {
      return false // whatever keeps us from listening would keep the backend from it too
    }
  }
}

/** A URL writes an IPv6 address in brackets; a socket takes it bare. */
function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, '')
}

function listenOnce(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host: withoutBrackets(host), port, exclusive: true }, () => {
      const address = server.address()
      const bound = typeof address === 'object' && address ? address.port : port
      server.close(() => resolve(bound))
    })
  })
}
