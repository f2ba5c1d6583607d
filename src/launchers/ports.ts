import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below those that systems give to outgoing connections (Linux from 32768, Windows and macOS from 49152): one of them
 * could take a port while its backend still loads a model.
 */
const FIRST_PORT = 20_000
const LAST_PORT = 32_767
/** So many may be taken by others before the system is asked for any. */
const TRIES = 20
/** By a program, or by Windows itself, for Hyper-V. */
const TAKEN = new Set<string | undefined>(['EADDRINUSE', 'EACCES'])

/** The ports of one gateway's backends: checks that one is free, and chooses free ones. */
export class Ports {
  /** Chosen for a backend that may not have bound it yet: not to be chosen twice. */
  readonly #claimed = new Set<number>()
  #reserved: ReadonlySet<number> = new Set()

  /** A free port of this host, claimed until `release`; rejects if this machine cannot listen there. */
  async choose(host: string): Promise<number> {
    for (let tries = 0; ; tries += 1) {
      const wanted = tries < TRIES ? randomInt(FIRST_PORT, LAST_PORT + 1) : 0
      if (this.#claimed.has(wanted) || this.#reserved.has(wanted)) continue
      const port = await listenOnce(host, wanted).catch((error: NodeJS.ErrnoException) => {
        if (wanted === 0 || !TAKEN.has(error.code)) throw error
        return undefined
      })
      if (port === undefined || this.#claimed.has(port) || this.#reserved.has(port)) continue
      this.#claimed.add(port)
      return port
    }
  }

  release(port: number): void {
    this.#claimed.delete(port)
  }

  /** Resolves with the port if a program could listen there now; rejects with what keeps it from that. */
  check(host: string, port: number): Promise<number> {
    return listenOnce(host, port)
  }

  /** Ports that backends are told by the configuration: none of them is chosen for another. */
  reserve(ports: readonly number[]): void {
    this.#reserved = new Set(ports)
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
