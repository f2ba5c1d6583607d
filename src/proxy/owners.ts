import { request } from 'undici'
import type { Pool } from '../backends/pool.js'
import { dialectOf } from '../dialects/dialect-of.js'
import { GatehouseError } from '../errors.js'
import type { FaceCall, OwnAnswer } from '../routing/face.js'
import { jsonText } from '../routing/json-member.js'
import { abortByKey } from './cancel.js'
import type { Run, Runs, Trace } from './runs.js'

/** A backend answers these at once, even in the midst of a generation. */
const ANSWER_MS = 2_000

interface OwnersParts {
  readonly runs: Runs
  readonly pool: Pool
  /** The lines that every answer of the gateway's own has. */
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Answers the calls about a text that is being made: abort, check, last_logprobs. Each client reaches its own only,
 * whatever key it names; one without a key means its newest (kobold-wire 3).
 */
export class Owners {
  readonly #parts: OwnersParts

  constructor(parts: OwnersParts) {
    this.#parts = parts
  }

  async answer({ match, client, body }: FaceCall): Promise<OwnAnswer> {
    const clientKey = jsonText(await body(), 'genkey') ?? ''
    const run = this.#parts.runs.text(client, clientKey)
    if (match.row.id === 'abort') return this.#json(abort(run, clientKey))
    const isCheck = match.row.id === 'check'
    const path = isCheck ? '/api/extra/generate/check' : '/api/extra/last_logprobs'
    const nothing = isCheck ? { results: [{ text: '' }] } : { logprobs: null }
    const trace = run ? traceOf(run) : this.#parts.runs.lastText(client, clientKey)
    return this.#json((trace && (await this.#ask(trace, path))) ?? nothing)
  }

  /** What the backend says of the text with this key; undefined: it says nothing. */
  async #ask({ backend: name, key }: Trace, path: string): Promise<unknown> {
    const backend = this.#parts.pool.get(name)
    const url = backend?.readyUrl
    if (!url || dialectOf(backend.config.dialect).cancels !== 'genkey') return undefined
    try {
      const reply = await request(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ genkey: key }),
        signal: AbortSignal.timeout(ANSWER_MS),
        reset: true,
      })
      return await reply.body.json()
    } catch {
      return undefined // it ended, or is too busy: there is nothing to tell yet
    }
  }

  #json(value: unknown): OwnAnswer {
    const headers = { ...this.#parts.headers, 'content-type': 'application/json' }
    return { status: 200, headers, body: JSON.stringify(value) }
  }
}

/** KoboldCpp says both as strings, and to one who names no key always that it is done. */
function abort(run: Run | undefined, clientKey: string): object {
  if (run) end(run)
  const word = String(run !== undefined || clientKey === '')
  return { success: word, done: word }
}

/** A KoboldCpp ends a text by itself then, and answers with what it has; others are cut off. */
function end({ exchange, lease, key, isKeyed }: Run): void {
  if (lease && isKeyed) abortByKey(lease, key)
  else exchange.gone.leave(new GatehouseError('GATEHOUSE_ABORTED'))
}

function traceOf({ lease, clientKey, key }: Run): Trace | undefined {
  return lease && { clientKey, key, backend: lease.config.name }
}
