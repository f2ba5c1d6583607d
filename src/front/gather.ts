import type { Backend } from '../backends/backend.js'
import type { Pool } from '../backends/pool.js'
import type { BackendRecorder, Move } from '../backends/recorder.js'
import { look } from './look.js'
import { type Question, questionsFor, VERSION_PATH } from './questions.js'
import { parse } from './read.js'
import type { Registry } from './registry.js'

export interface GatherParts {
  readonly registry: Registry
  readonly pool: () => Pool
}

/** For one answer; a KoboldCpp answers these in mid-generation, if not always at once. */
const ANSWER_MS = 2_000
/** What was heard longer ago than this is asked again when somebody wants to know. */
const FRESH_MS = 60_000
/** The same after a round that failed: it may just have been started by whoever runs it. */
const FAILED_MS = 5_000
/** One answer may be too long or too late; after as many the rest is not asked for. */
const ENOUGH_MISSED = 2

interface Round {
  endedMs: number
  isWhole: boolean
  isOver: boolean
}

/**
 * Asks each backend what it can do when it becomes ready, and feeds the registry. One question after the other, so
 * that a KoboldCpp's few threads stay free for work; nobody waits for it, and it starts nothing.
 */
export class Gatherer implements BackendRecorder {
  readonly #parts: GatherParts
  readonly #closing = new AbortController()
  readonly #rounds = new Map<string, Round>()
  readonly #running = new Map<string, Promise<void>>()

  constructor(parts: GatherParts) {
    this.#parts = parts
  }

  moved({ backend, to }: Move): void {
    if (to === 'ready') this.#begin(backend)
  }

  started(): void {}
  crashed(): void {}
  leftBehind(): void {}

  /** Asks those again that run and were asked some time ago, in the background. */
  freshen(): void {
    const pool = this.#parts.pool()
    const now = Date.now()
    for (const { name, state, launcher } of pool.statuses()) {
      const isThere = state === 'ready' || launcher === 'external'
      if (isThere && this.#isDue(name, now)) this.#begin(name)
    }
  }

  /** Asks no more; resolves when what was heard is on disk. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#running.values())
    await this.#parts.registry.written()
  }

  #isDue(name: string, now: number): boolean {
    const round = this.#rounds.get(name)
    if (!round) return true
    return round.isOver && now - round.endedMs > (round.isWhole ? FRESH_MS : FAILED_MS)
  }

  #begin(name: string): void {
    const round: Round = { endedMs: 0, isWhole: false, isOver: false }
    this.#rounds.set(name, round)
    const before = this.#running.get(name) ?? Promise.resolve()
    const work = before
      .then(() => this.#gather(name, round))
      .finally(() => {
        Object.assign(round, { endedMs: Date.now(), isOver: true })
        if (this.#running.get(name) === work) this.#running.delete(name)
      })
    this.#running.set(name, work)
  }

  async #gather(name: string, round: Round): Promise<void> {
    const backend = this.#parts.pool().get(name)
    if (!backend) return
    let missed = 0
    for (const question of questionsFor(backend.config)) {
      const outcome = await this.#ask(backend, question)
      if (outcome === 'missed') missed += 1
      if (missed === ENOUGH_MISSED) return
      if (outcome !== 'good' && question.path === VERSION_PATH) return // no KoboldCpp, whatever it is
    }
    round.isWhole = true
  }

  /** Asks, and keeps a good answer; missed: there was none at all. */
  async #ask(backend: Backend, question: Question): Promise<'good' | 'bad' | 'missed'> {
    const { signal } = this.#closing
    const pool = this.#parts.pool()
    const { path, maxBytes } = question
    const { name } = backend.config
    if (signal.aborted || pool.get(name) !== backend) return 'missed'
    const seen = await look(pool, name, { path, maxBytes, signal, ms: ANSWER_MS })
    if (!seen) return 'missed'
    const answer = seen.status === 200 ? parse(seen.body) : undefined
    if (!question.isGood(answer)) return 'bad'
    this.#parts.registry.keep(backend.config, path, answer)
    return 'good'
  }
}
