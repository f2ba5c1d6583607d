import type { Config } from '../config/config.js'
import { GatehouseError } from '../errors.js'
import type { Match } from '../routing/match.js'
import {
  type FaceFacts,
  faceFacts,
  imageModels,
  imageOptions,
  infoVersion,
  model,
  models,
  version,
} from './answers.js'
import { CORS_HEADERS } from './cors.js'

/** A whole answer of the gateway's own. */
interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

type Render = (facts: FaceFacts) => unknown

/** Answered here always, by the id of the built-in row. */
const ALWAYS = new Map<string, Render>([
  ['version', version],
  ['shutdown', () => ({ success: false })],
  ['models', models],
])
/** Answered here while the backend that knows better is down. */
const STAND_IN = new Map<string, Render>([
  ['model', model],
  ['info-version', infoVersion],
  ['sd-options', imageOptions],
  ['sd-models', imageModels],
  // Only the backend knows its own; without them a client offers its defaults.
  ...['sd-samplers', 'sd-schedulers', 'sd-upscalers', 'sd-latent-upscalers', 'sd-loras'].map(
    (id): [string, Render] => [id, () => []],
  ),
  ['abort', () => ({ success: 'false', done: 'false' })],
])
/** The calls of the gateway's that may be passed on to a backend that runs; administration is never among them. */
const BACKENDS_MAY_ANSWER: ReadonlySet<string | undefined> = new Set(['meta', 'running'])
const PREFLIGHT: Answer = { status: 200, headers: CORS_HEADERS, body: '' }

/** The one KoboldCpp that all backends are together; it neither starts nor wakes any of them. */
export class KoboldFace {
  readonly #facts: FaceFacts

  constructor(config: Config) {
    this.#facts = faceFacts(config)
  }

  /** Throws GATEHOUSE_NO_ROUTE for what has no answer here and is no backend's business either. */
  answer({ row }: Match): Answer | undefined {
    if (row.to.gateway === 'preflight') return PREFLIGHT
    const answer = this.#render(ALWAYS.get(row.id))
    if (!answer && !BACKENDS_MAY_ANSWER.has(row.to.gateway)) {
      throw new GatehouseError('GATEHOUSE_NO_ROUTE')
    }
    return answer
  }

  standIn({ row }: Match): Answer | undefined {
    return this.#render(STAND_IN.get(row.id))
  }

  #render(render: Render | undefined): Answer | undefined {
    if (!render) return undefined
    const headers = { ...CORS_HEADERS, 'content-type': 'application/json' }
    return { status: 200, headers, body: JSON.stringify(render(this.#facts)) }
  }
}
