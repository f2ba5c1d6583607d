import { pythonJson } from '../python-json.js'
import type { Dialect, WholeAnswer } from './dialect.js'
import type { TextResult } from './generate.js'
import { type JsonBody, promptOfMessages, textOf } from './job.js'

/** Ollama's generate. KoboldCpp's "stream" in this dialect is two lines at the end, so nothing here streams. */
export const ollamaGenerate: Dialect = {
  promptOf: (body) => textOf(body.prompt),
  whole: (result, model, body) =>
    lines(body, model, { result, wrap: (response) => ({ response }) }),
  events: () => undefined,
}

/** Ollama's chat. */
export const ollamaChat: Dialect = {
  promptOf: (body) => promptOfMessages(body.messages),
  whole: (result, model, body) =>
    lines(body, model, {
      result,
      wrap: (content) => ({ message: { role: 'assistant', content } }),
    }),
  events: () => undefined,
}

interface Telling {
  readonly result: TextResult
  readonly wrap: (text: string) => object
}

function lines(body: JsonBody, model: string, { result, wrap }: Telling): WholeAnswer {
  const about = { model, created_at: new Date().toISOString() }
  const counts = {
    done: true,
    done_reason: result.finishReason,
    total_duration: 1,
    load_duration: 1,
    prompt_eval_count: result.promptTokens,
    prompt_eval_duration: 1,
    eval_count: result.completionTokens,
    eval_duration: 1,
  }
  if (body.stream === false) {
    const whole = { ...about, ...wrap(result.text), ...counts }
    return { contentType: 'application/json', body: whole }
  }
  const first = pythonJson({ ...about, ...wrap(result.text), done: false })
  const last = pythonJson({ ...about, ...wrap(''), ...counts })
  return { contentType: 'text/event-stream', body: `${first}\n${last}\n` }
}
