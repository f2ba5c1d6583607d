import { readFileSync } from 'node:fs'
import { Misbehaviour } from './misbehave.js'
import type { ModelKind, SampleOptions } from './options.js'
import { Generator, type TextResult } from './text/generate.js'
import { MarkovChain } from './text/markov.js'
import { TextRuns } from './text/runs.js'
import { Turnstile } from './turnstile.js'

/** KoboldCpp's --multiuser default since 1.111.2: one runs and nine wait. */
const MAX_WAITING = 9

/** What the requests of one sample backend share: its models, the one lock, and its counts. */
export class Engine {
  readonly options: SampleOptions
  readonly lock = new Turnstile(1, MAX_WAITING)
  readonly runs = new TextRuns()
  readonly generator: Generator
  readonly misbehaviour: Misbehaviour
  /** Settles when the generation that holds the lock has been answered. */
  running: Promise<unknown> = Promise.resolve()
  /** The last picture drawn for ComfyUI's API, and the last one uploaded to it: one for all clients, as KoboldCpp has. */
  readonly comfy = { drawn: Buffer.alloc(0) as Buffer, uploaded: '' }
  readonly finished = { text: 0, image: 0, speech: 0, transcribe: 0 }
  readonly #startedMs = Date.now()
  #lastText: { readonly result: TextResult; readonly seed: number } | undefined
  #lastWorkMs = Date.now()

  constructor(options: SampleOptions) {
    this.options = options
    this.misbehaviour = new Misbehaviour(options.misdeeds)
    const corpus = readFileSync(new URL('./data/corpus.txt', import.meta.url), 'utf8')
    this.generator = new Generator(new MarkovChain(corpus), options)
  }

  has(kind: ModelKind): boolean {
    return this.options.models.has(kind)
  }

  /** The name under which text is made, as KoboldCpp puts it. */
  get modelName(): string {
    return this.has('text') ? `koboldcpp/${this.options.name}` : 'inactive'
  }

  /** Counts a text that is done. */
  finishText(result: TextResult, seed: number): void {
    this.finished.text += 1
    this.#lastText = { result, seed }
    this.#lastWorkMs = Date.now()
  }

  /** Counts a picture, a speech or a transcript that is done. */
  finish(kind: 'image' | 'speech' | 'transcribe'): void {
    this.finished[kind] += 1
    this.#lastWorkMs = Date.now()
  }

  /** KoboldCpp's /api/extra/perf, all 22 fields. */
  perf(): object {
    const last = this.#lastText
    const tokensPerSecond = 1000 / Math.max(1, this.options.tokenIntervalMs)
    const evalSeconds = (last?.result.completionTokens ?? 0) / tokensPerSecond
    return {
      last_process: this.options.firstTokenDelayMs / 1000,
      last_eval: evalSeconds,
      last_token_count: last?.result.completionTokens ?? 0,
      last_input_count: last?.result.promptTokens ?? 0,
      last_process_time: this.options.firstTokenDelayMs / 1000,
      last_eval_time: evalSeconds,
      last_process_speed: tokensPerSecond,
      last_eval_speed: tokensPerSecond,
      last_seed: last?.seed ?? -1,
      last_draft_success: 0,
      last_draft_failed: 0,
      total_gens: this.finished.text,
      stop_reason: last?.result.finishReason === 'stop' ? 2 : 0,
      total_img_gens: this.finished.image,
      total_tts_gens: this.finished.speech,
      total_transcribe_gens: this.finished.transcribe,
      queue: this.lock.waiting,
      idle: this.lock.held === 0 ? 1 : 0,
      hordeexitcounter: -1,
      uptime: (Date.now() - this.#startedMs) / 1000,
      idletime: (Date.now() - this.#lastWorkMs) / 1000,
      quiet: true,
    }
  }
}
