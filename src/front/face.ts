import type { Pool } from '../backends/pool.js'
import type { Config } from '../config/config.js'
import { GatehouseError } from '../errors.js'
import type { Defaults } from '../routing/defaults.js'
import type { Face, FaceCall, Own, OwnAnswer } from '../routing/face.js'
import { A1111, A1111_STAND_INS } from './a1111.js'
import type { Pictures } from './a1111-pictures.js'
import { ADMIN, adminLevel } from './admin-panel.js'
import { COMFY } from './comfy.js'
import type { Answer, FaceContext } from './context.js'
import { CORS_HEADERS } from './cors.js'
import { type FactParts, faceFacts } from './facts.js'
import type { Gatherer } from './gather.js'
import { Live } from './live.js'
import { META, META_STAND_INS } from './meta.js'
import { PAGE_STAND_INS } from './pages.js'

/** Every call that the face answers itself. */
const ANSWERS: ReadonlyMap<string, Answer> = new Map([...META, ...ADMIN, ...A1111, ...COMFY])
/** What stands in while the backend that knows better is down. */
const STAND_INS: ReadonlyMap<string, Answer> = new Map([
  ...META_STAND_INS,
  ...PAGE_STAND_INS,
  ...A1111_STAND_INS,
])
/** The calls of the gateway's that may be passed on to a backend that runs; administration is never among them. */
const BACKENDS_MAY_ANSWER: ReadonlySet<string | undefined> = new Set([
  'meta',
  'running',
  'image-missing',
])
const PREFLIGHT: OwnAnswer = { status: 200, headers: CORS_HEADERS, body: '' }

export interface FaceParts {
  readonly pool: Pool
  readonly defaults: Defaults
  readonly gatherer: Gatherer
  readonly pictures: Pictures
  /** What a backend said last at a path. */
  readonly said: FactParts['said']
  /** When the gateway began, by `performance.now()`. */
  readonly startedMs: number
}

/** The one KoboldCpp that all backends are together. */
export class KoboldFace implements Face {
  readonly #context: FaceContext

  constructor(config: Config, { said, ...parts }: FaceParts) {
    this.#context = {
      ...parts,
      config,
      facts: faceFacts(config, {
        said,
        defaultOf: (workload) => parts.defaults.chosen(workload),
        admin: () => adminLevel(config),
      }),
      live: new Live(parts.pool),
    }
  }

  answer(call: FaceCall): Own | undefined | Promise<Own | undefined> {
    const { row } = call.match
    if (row.to.gateway === 'preflight') return PREFLIGHT
    const answer = ANSWERS.get(row.id)
    if (answer) return answer(this.#context, call)
    if (BACKENDS_MAY_ANSWER.has(row.to.gateway)) return undefined
    throw new GatehouseError('GATEHOUSE_NO_ROUTE')
  }

  standIn(call: FaceCall): Own | undefined | Promise<Own | undefined> {
    const { row } = call.match
    if (row.to.gateway === 'preflight') return call.method === 'OPTIONS' ? PREFLIGHT : undefined
    return STAND_INS.get(row.id)?.(this.#context, call)
  }
}
