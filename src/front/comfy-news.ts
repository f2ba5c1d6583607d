import type { OwnSocket } from '../routing/face.js'
import type { Message } from './comfy-prompt.js'
import { NewsSocket } from './comfy-socket.js'

/** Whose WebSocket it is: the same name from another client is another one. */
export interface Listener {
  readonly client: string
  readonly clientId: string
}

/** The WebSockets that wait for news of their client's prompts. */
export class ComfyNews {
  readonly #sockets = new Map<string, Set<NewsSocket>>()

  /** Takes a WebSocket, which is greeted with how many prompts of its client are on their way. */
  accept(listener: Listener, waiting: () => number): OwnSocket {
    return {
      accept: (socket) => {
        const key = keyOf(listener)
        const those = this.#sockets.get(key) ?? new Set()
        const news: NewsSocket = new NewsSocket(socket, () => {
          those.delete(news)
          if (those.size === 0) this.#sockets.delete(key)
        })
        this.#sockets.set(key, those.add(news))
        const [type, data] = statusOf(waiting())
        news.send({ type, data: { ...data, sid: listener.clientId } })
      },
    }
  }

  tell(listener: Listener, ...messages: readonly Message[]): void {
    for (const socket of this.#sockets.get(keyOf(listener)) ?? []) {
      for (const [type, data] of messages) socket.send({ type, data })
    }
  }
}

export function statusOf(waiting: number): Message {
  return ['status', { status: { exec_info: { queue_remaining: waiting } } }]
}

function keyOf({ client, clientId }: Listener): string {
  return JSON.stringify([client, clientId])
}
