import { randomUUID } from 'node:crypto'
import type { Lease } from '../backends/lease.js'
import { Departure } from '../departure.js'
import type { Drawing, Picture } from './comfy-draw.js'
import { outputNode, type PromptBody, workNode } from './comfy-workflow.js'

/** What a client asks for with POST /prompt. */
export interface Order extends Drawing, PromptBody {
  readonly client: string
  /** By its name. */
  readonly backend: string
}

/** What ComfyUI tells of a prompt, on its WebSocket and in its history: a kind, and what goes with it. */
export type Message = readonly [type: string, data: Readonly<Record<string, unknown>>]

/** One prompt on its way, under an id that no other has; without a lease it waits. */
export class ComfyPrompt {
  readonly id = randomUUID()
  readonly number: number
  readonly order: Order
  /** Takes it out of the line. */
  readonly leaving = new Departure()
  readonly outputNode: string
  readonly workNode: string
  lease: Lease | undefined
  readonly #messages: Message[] = []

  constructor(order: Order, number: number) {
    this.order = order
    this.number = number
    this.outputNode = outputNode(order.workflow)
    this.workNode = workNode(order.workflow)
  }

  /** As it stands in the queue and in the history. */
  get entry() {
    const { workflow, extraData } = this.order
    return [this.number, this.id, workflow, extraData, [this.outputNode]]
  }

  /** A message that its history keeps. */
  note(type: string, more: object = {}): Message {
    const message = [type, { prompt_id: this.id, ...more, timestamp: Date.now() }] as const
    this.#messages.push(message)
    return message
  }

  /** What is kept of it when it is over; without a picture it failed. */
  finish(picture: Picture | undefined): DonePrompt {
    const filename = `${this.id}.png`
    const images = [{ filename, subfolder: '', type: 'output' }]
    const node = this.outputNode
    const outputs = picture ? { [node]: { images } } : {}
    const meta = { node_id: node, display_node: node, parent_node: null, real_node_id: node }
    const status = {
      status_str: picture ? 'success' : 'error',
      completed: picture !== undefined,
      messages: this.#messages,
    }
    const history = { prompt: this.entry, outputs, status, meta: picture ? { [node]: meta } : {} }
    return { id: this.id, client: this.order.client, picture, history }
  }
}

/** A prompt that is over. */
export interface DonePrompt {
  readonly id: string
  readonly client: string
  readonly picture: Picture | undefined
  /** As ComfyUI's history tells of it. */
  readonly history: { readonly outputs: Readonly<Record<string, object>> }
}
