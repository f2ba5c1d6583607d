import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Lease } from '../backends/lease.js'
import type { Pool } from '../backends/pool.js'
import { GatehouseError, hasCode } from '../errors.js'
import { Lane, type Turn } from '../lanes/lane.js'
import { draw, type Picture } from './comfy-draw.js'
import { ComfyNews, statusOf } from './comfy-news.js'
import { ComfyPrompt, type DonePrompt, type Order } from './comfy-prompt.js'
import { Shelf } from './comfy-store.js'
import type { Upload } from './comfy-upload.js'

const HOUR_MS = 3_600_000
const MEBIBYTE = 1024 * 1024
const KEPT = { count: 200, bytes: 128 * MEBIBYTE, ageMs: HOUR_MS }
const KEPT_UPLOADS = { count: 100, bytes: 64 * MEBIBYTE, ageMs: HOUR_MS }
/** A backend that ends breaks its connections first, and its end is told a little later. */
const END_SHOWS_MS = 500

/**
 * ComfyUI's queue in front of KoboldCpp backends: a prompt is taken at once under an id of its own, waits in the lane
 * like any request, and its picture is kept, so that each client gets its own and no other's.
 */
export class ComfyDesk {
  readonly news = new ComfyNews()
  readonly #pool: () => Pool
  readonly #onPicture: (backend: string, ms: number) => void
  readonly #open = new Map<string, ComfyPrompt>()
  readonly #done = new Shelf<DonePrompt>(KEPT)
  readonly #uploads = new Shelf<Upload>(KEPT_UPLOADS)
  readonly #turns = new Map<string, Lane>()
  #count = 0

  constructor(pool: () => Pool, onPicture: (backend: string, ms: number) => void) {
    this.#pool = pool
    this.#onPicture = onPicture
  }

  /** Takes a prompt. Rejects with a GatehouseError where it is refused at once; what fails later is told in history. */
  async submit(order: Order): Promise<ComfyPrompt> {
    const prompt = new ComfyPrompt(order, this.#count++)
    this.#open.set(prompt.id, prompt)
    const leased = this.#lease(prompt)
    try {
      await Promise.race([leased, nextTurn()])
    } catch (error) {
      this.#open.delete(prompt.id)
      throw error
    }
    this.#tellStatus(prompt)
    void this.#work(prompt, leased)
    return prompt
  }

  /** This client's prompts that are not over, in the order in which they came. */
  open(client: string): ComfyPrompt[] {
    return [...this.#open.values()].filter(({ order }) => order.client === client)
  }

  /** Everybody's at one backend. */
  at(backend: string): ComfyPrompt[] {
    return [...this.#open.values()].filter(({ order }) => order.backend === backend)
  }

  /** This client's prompts that are over and still known, the oldest first. */
  done(client: string): DonePrompt[] {
    return this.#done.items().filter((done) => done.client === client)
  }

  /** Whoever knows an id may have its picture: it cannot be guessed. */
  find(id: string): DonePrompt | undefined {
    return this.#done.get(id)
  }

  forget(client: string, isMeant: (id: string) => boolean): void {
    for (const { id } of this.done(client)) if (isMeant(id)) this.#done.delete(id)
  }

  /** Takes this client's prompts that still wait out of the line, without a trace. */
  cancel(client: string, isMeant: (id: string) => boolean): void {
    for (const prompt of this.open(client)) {
      if (prompt.lease || !isMeant(prompt.id)) continue
      this.#open.delete(prompt.id)
      prompt.leaving.leave(new GatehouseError('GATEHOUSE_ABORTED'))
      this.#tellStatus(prompt)
    }
  }

  /**
   * Ends this client's prompt with this id; without one, the one that runs, else the next. KoboldCpp cannot leave off:
   * it goes on with what it has begun, for nobody.
   */
  interrupt(client: string, id?: string): void {
    const those = this.open(client)
    const prompt = id
      ? those.find((one) => one.id === id)
      : (those.find(({ lease }) => lease) ?? those[0])
    if (!prompt) return
    this.#settle(prompt, new GatehouseError('GATEHOUSE_ABORTED'))
    prompt.leaving.leave(new GatehouseError('GATEHOUSE_ABORTED'))
  }

  keepUpload(upload: Upload): void {
    this.#uploads.put(upload.name, upload, upload.body.length)
  }

  /** By the name that the gateway gave it, or the last one that this client called so. */
  findUpload(client: string, name: string): Upload | undefined {
    const isMeant = (upload: Upload) => upload.client === client && upload.ownName === name
    return this.#uploads.get(name) ?? this.#uploads.items().findLast(isMeant)
  }

  /** A backend that was changed meanwhile is asked for again, as it is now. */
  async #lease({ order, leaving: signal }: ComfyPrompt): Promise<Lease> {
    const { client, backend: name } = order
    for (;;) {
      const backend = this.#pool().get(name)
      if (!backend) throw new GatehouseError('GATEHOUSE_RETIRED', { values: { backend: name } })
      try {
        return await backend.lease({ client, signal, wake: true, lane: true, onlyIdle: false })
      } catch (error) {
        const isReplaced = this.#pool().get(name) !== backend
        if (!isReplaced || !hasCode(error, 'GATEHOUSE_RETIRED')) throw error
      }
    }
  }

  async #work(prompt: ComfyPrompt, leased: Promise<Lease>): Promise<void> {
    try {
      this.#settle(prompt, await this.#picture(prompt, leased))
    } catch (error) {
      this.#settle(prompt, error)
    }
  }

  /** Once more if the backend ended before it answered. */
  async #picture(prompt: ComfyPrompt, first: Promise<Lease>): Promise<Picture> {
    let leased = first
    for (let isLast = false; ; isLast = true) {
      const lease = await leased
      try {
        return await this.#drawOn(lease, prompt)
      } catch (error) {
        if (isLast || prompt.leaving.aborted) throw error
        if (!(await lease.endedWithin(END_SHOWS_MS))) throw error
        prompt.lease = undefined
        leased = this.#lease(prompt)
      }
    }
  }

  async #drawOn(lease: Lease, prompt: ComfyPrompt): Promise<Picture> {
    const { client, backend } = prompt.order
    let turn: Turn | undefined
    try {
      turn = await this.#turnsAt(backend).enter(client, prompt.leaving)
      prompt.lease = lease
      const begun = performance.now()
      this.#tellWork(prompt)
      const picture = await draw(lease, prompt.order)
      this.#onPicture(backend, performance.now() - begun)
      return picture
    } finally {
      turn?.end()
      lease.end()
    }
  }

  /** One at a time, whatever the lane allows: KoboldCpp forgets its last picture when the next prompt comes. */
  #turnsAt(backend: string): Lane {
    const turns =
      this.#turns.get(backend) ?? new Lane({ concurrency: 1, queueLimit: Number.POSITIVE_INFINITY })
    this.#turns.set(backend, turns)
    return turns
  }

  /** What its client was told already is not told again. */
  #settle(prompt: ComfyPrompt, end: unknown): void {
    if (!this.#open.delete(prompt.id)) return
    const { order, id, outputNode } = prompt
    const picture = isPicture(end) ? end : undefined
    const message = picture ? prompt.note('execution_success') : noteFailure(prompt, end)
    const done = prompt.finish(picture)
    this.#done.put(id, done, order.body.length + (picture?.bytes.length ?? 0))
    const output = done.history.outputs[outputNode]
    const executed = { prompt_id: id, node: outputNode, display_node: outputNode, output }
    if (output) this.news.tell(order, ['executed', executed])
    this.news.tell(order, message, ['executing', { prompt_id: id, node: null }])
    this.#tellStatus(prompt)
  }

  #tellWork(prompt: ComfyPrompt): void {
    const { id, order, workNode: node } = prompt
    const working = { prompt_id: id, node, display_node: node }
    this.news.tell(order, prompt.note('execution_start'), ['executing', working])
  }

  #tellStatus({ order }: ComfyPrompt): void {
    this.news.tell(order, statusOf(this.open(order.client).length))
  }
}

function isPicture(end: unknown): end is Picture {
  return typeof end === 'object' && end !== null && 'bytes' in end
}

function noteFailure(prompt: ComfyPrompt, error: unknown) {
  const node = { node_id: prompt.workNode, node_type: 'KSampler', executed: [] }
  if (hasCode(error, 'GATEHOUSE_ABORTED')) return prompt.note('execution_interrupted', node)
  const known = error instanceof GatehouseError ? error : new GatehouseError('GATEHOUSE_INTERNAL')
  return prompt.note('execution_error', {
    ...node,
    exception_type: known.code,
    exception_message: known.message,
    traceback: [],
    current_inputs: {},
    current_outputs: {},
  })
}
