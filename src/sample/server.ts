import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { dispatch } from './dispatch.js'
import { Engine } from './engine.js'
import type { SampleOptions } from './options.js'
import { Reply } from './reply.js'
import { readRequest } from './request.js'
import { Turnstile } from './turnstile.js'

/** KoboldCpp serves each connection to its end on one of 24 threads; further ones wait unread. */
const THREADS = 24

/** A sample backend that listens. */
export interface SampleServer {
  readonly port: number
  /** Resolves when the generation that runs now has been answered; at once when none does. */
  finishRunning(): Promise<unknown>
  /** Cuts all connections and resolves when the port is free. */
  close(): Promise<void>
}

/** Listens at once, without the load that `runSampleBackend` plays first. Rejects with the bind's own error. */
export async function startSampleServer(options: SampleOptions): Promise<SampleServer> {
  const engine = new Engine(options)
  const threads = new Turnstile(THREADS)
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // A client that leaves early is no failure of the sample.
    socket.on('error', () => undefined)
    void serve(socket, { engine, threads })
  })
  server.listen(options.port, options.host)
  await once(server, 'listening')
  return {
    port: portOf(server),
    finishRunning: () => engine.running,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      engine.runs.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

interface House {
  readonly engine: Engine
  readonly threads: Turnstile
}

async function serve(socket: Socket, { engine, threads }: House): Promise<void> {
  const leave = await threads.enter()
  try {
    const request = await readRequest(socket)
    if (request) await dispatch({ request, reply: new Reply(socket), engine })
  } catch (error) {
    // Python's server prints a traceback, closes the connection and lives on.
    console.error(error)
  } finally {
    socket.destroy()
    leave?.()
  }
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}
