import { setImmediate as nextTurn } from 'node:timers/promises'
import { pause } from '../pause.js'
import { createRandom, hashText } from '../random.js'
import type { TextJob } from './job.js'
import type { MarkovChain } from './markov.js'
import type { TextRun } from './runs.js'
import { StopScanner } from './stop-scanner.js'
import { spell, tokenize } from './tokens.js'

/** Why a text ended; `error` is KoboldCpp's word for having no text model. */
export type FinishReason = 'length' | 'stop' | 'error'

/** A text that is done. */
export interface TextResult {
  readonly text: string
  readonly finishReason: FinishReason
  readonly promptTokens: number
  readonly completionTokens: number
}

/** How fast the sample "thinks". */
export interface Pace {
  readonly firstTokenDelayMs: number
  readonly tokenIntervalMs: number
}

/** Receives each piece of text as it is made; generation waits for it, as KoboldCpp's does for its socket. */
export type PieceSink = (piece: string) => Promise<void>

/** Makes text that follows the prompt; the same prompt and seed give the same text. */
export class Generator {
  readonly #chain: MarkovChain
  readonly #pace: Pace

  constructor(chain: MarkovChain, pace: Pace) {
    this.#chain = chain
    this.#pace = pace
  }

  /** Resolves when the job is done, met a stop sequence or was aborted; an abort keeps the text so far. */
  async generate(job: TextJob, run: TextRun, sink: PieceSink): Promise<TextResult> {
    const scanner = new StopScanner(job.stops)
    const emit = async (piece: string) => {
      run.text += piece
      if (piece !== '') await sink(piece)
    }
    let made = 0
    for await (const piece of this.#pieces(job, run.signal)) {
      made += 1
      await emit(scanner.push(piece))
      if (scanner.hasStopped) break
    }
    await emit(scanner.flush())
    return {
      text: run.text,
      finishReason: scanner.hasStopped ? 'stop' : 'length',
      promptTokens: tokenize(job.prompt).length,
      completionTokens: made,
    }
  }

  async *#pieces(job: TextJob, signal: AbortSignal): AsyncGenerator<string> {
    const random = createRandom(hashText(job.prompt) ^ job.seed)
    const history = this.#chain.startFrom(job.prompt)
    await pause(this.#pace.firstTokenDelayMs, signal)
    for (let index = 0; index < job.maxTokens && !signal.aborted; index += 1) {
      const token = this.#chain.next(history, random)
      yield spell(token, history.at(-1))
      history.push(token)
      await this.#rest(signal)
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    if (this.#pace.tokenIntervalMs > 0) await pause(this.#pace.tokenIntervalMs, signal)
    else await nextTurn()
  }
}
