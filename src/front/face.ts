import type { Pool } from '../backends/pool.js'
import type { Config } from '../config/config.js'
import { GatehouseError } from '../errors.js'
import type { Face, FaceCall, OwnAnswer } from '../routing/face.js'
import { faceFacts } from './answers.js'
import type { Answer, FaceContext } from './context.js'
import { CORS_HEADERS } from './cors.js'
import { META, META_STAND_INS } from './meta.js'

/** Every call that the face answers itself. */
const ANSWERS: ReadonlyMap<string, Answer> = new Map([...META])
/** What stands in while the backend that knows better is down. */
const STAND_INS: ReadonlyMap<string, Answer> = new Map([...META_STAND_INS])
/** The calls of the gateway's that may be passed on to a backend that runs; administration is never among them. */
const BACKENDS_MAY_ANSWER: ReadonlySet<string | undefined> = new Set(['meta', 'running'])
const PREFLIGHT: OwnAnswer = { status: 200, headers: CORS_HEADERS, body: '' }

/** The one KoboldCpp that all backends are together. */
export class KoboldFace implements Face {
  readonly #context: FaceContext

  constructor(config: Config, pool: Pool) {
    this.#context = { config, pool, facts: faceFacts(config) }
  }

  answer(call: FaceCall): OwnAnswer | undefined | Promise<OwnAnswer | undefined> {
    const { row } = call.match
    if (row.to.gateway === 'preflight') return PREFLIGHT
    const answer = ANSWERS.get(row.id)
    if (answer) return answer(this.#context, call)
    if (BACKENDS_MAY_ANSWER.has(row.to.gateway)) return undefined
    throw new GatehouseError('GATEHOUSE_NO_ROUTE')
  }

  standIn(call: FaceCall): OwnAnswer | undefined | Promise<OwnAnswer | undefined> {
    return STAND_INS.get(call.match.row.id)?.(this.#context, call)
  }
}
