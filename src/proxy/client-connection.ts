import type { Socket } from 'node:net'

/** Who is told what becomes of a client's connection. */
export interface ConnectionWatcher {
  onClose(): void
  /** The client sends no more. */
  onEnd(): void
}

const known = new WeakMap<Socket, ClientConnection>()

/** One client's connection. It listens once for all requests that come on it, one after the other or in a pipeline. */
export class ClientConnection {
  /** No Set: see roster.ts. */
  readonly #watchers: ConnectionWatcher[] = []
  readonly socket: Socket

  static of(socket: Socket): ClientConnection {
    const connection = known.get(socket) ?? new ClientConnection(socket)
    known.set(socket, connection)
    return connection
  }

  private constructor(socket: Socket) {
    this.socket = socket
    socket.once('close', () => {
      for (const watcher of [...this.#watchers]) watcher.onClose()
    })
    socket.once('end', () => {
      for (const watcher of [...this.#watchers]) watcher.onEnd()
    })
  }

  watch(watcher: ConnectionWatcher): void {
    this.#watchers.push(watcher)
  }

  /** Ends it at once. */
  destroy(): void {
    this.socket.destroy()
  }

  forget(watcher: ConnectionWatcher): void {
    const at = this.#watchers.indexOf(watcher)
    if (at >= 0) this.#watchers.splice(at, 1)
  }
}
