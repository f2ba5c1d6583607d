import type { Pool } from '../backends/pool.js'
import type { BackendConfig, Workload } from '../config/config.js'
import type { FaceCall } from '../routing/face.js'
import { ComfyDesk } from './comfy-desk.js'
import type { Answer, FaceContext } from './context.js'
import type { Job } from './progress.js'
import { PictureTimes } from './progress-times.js'

/** Who keeps account of the requests for work; `proxy/runs.ts` is one. */
export interface WorkUnderWay {
  at(backend: string, workload: Workload): readonly Job[]
}

/** All that the gateway knows of pictures, whatever the routes.json of the moment says: made once. */
export class Pictures {
  readonly times = new PictureTimes()
  readonly comfy: ComfyDesk
  readonly #underWay: WorkUnderWay

  /** The pool is asked for only once a picture is. */
  constructor(pool: () => Pool, underWay: WorkUnderWay) {
    this.#underWay = underWay
    this.comfy = new ComfyDesk(pool, (backend, ms) => this.times.took(backend, ms))
  }

  /** The pictures under way at a backend, through which door they ever came. */
  jobs(backend: string): Job[] {
    return [...this.#underWay.at(backend, 'image'), ...this.comfy.at(backend)]
  }
}

/** The backend that a call about pictures is about; undefined: nobody makes any. */
export function imageBackend(
  { config, facts }: FaceContext,
  { match }: FaceCall,
): BackendConfig | undefined {
  const { backend: named } = match.to
  if (named !== undefined) return config.backends.find(({ name }) => name === named)
  return facts.serving('image')[0]?.config
}

/** An answer for a KoboldCpp only: a backend of another dialect has that call itself. */
export function forKobold(answer: Answer): Answer {
  return (context, call) =>
    imageBackend(context, call)?.dialect === 'koboldcpp' ? answer(context, call) : undefined
}
