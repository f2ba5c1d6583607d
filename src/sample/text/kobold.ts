import type { Dialect } from './dialect.js'
import type { TextResult } from './generate.js'
import { textOf } from './job.js'
import { namedEvent } from './sse.js'

/** KoboldAI's own dialect, whole. */
export const kobold: Dialect = {
  promptOf: (body) => textOf(body.prompt),
  whole: (result) => ({ contentType: 'application/json', body: { results: [resultOf(result)] } }),
  events: () => undefined,
}

/** KoboldAI's own dialect, streamed. */
export const koboldStream: Dialect = {
  ...kobold,
  events: () => ({
    begin: () => [],
    piece: (text) => [tokenEvent(text, null)],
    end: (result) => [tokenEvent('', result.finishReason)],
  }),
}

/** The older KoboldAI form, at any path that ends in /request. */
export const koboldBasic: Dialect = {
  ...kobold,
  whole: (result) => ({ contentType: 'application/json', body: { data: { seqs: [result.text] } } }),
}

function tokenEvent(token: string, finishReason: string | null): string {
  return namedEvent('message', { token, finish_reason: finishReason })
}

function resultOf(result: TextResult): object {
  return {
    text: result.text,
    tool_calls: [],
    finish_reason: result.finishReason,
    logprobs: null,
    prompt_tokens: result.promptTokens,
    completion_tokens: result.completionTokens,
  }
}
