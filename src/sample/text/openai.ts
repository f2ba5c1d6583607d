import type { Dialect, EventShape } from './dialect.js'
import type { TextResult } from './generate.js'
import { promptOfMessages, textOf } from './job.js'
import { dataEvent } from './sse.js'

/** OpenAI's completions. */
export const completions: Dialect = {
  promptOf: (body) => textOf(Array.isArray(body.prompt) ? body.prompt[0] : body.prompt),
  whole: (result, model) => {
    const choice = { index: 0, finish_reason: result.finishReason, logprobs: null }
    const choices = [{ ...choice, text: result.text }]
    return answer({ id: 'cmpl-A1', object: 'text_completion', model, choices }, result)
  },
  events: (model, body) => {
    if (body.stream !== true) return undefined
    return chunks({ object: 'text_completion', model }, (text) => ({ text }))
  },
}

/** OpenAI's chat completions. */
export const chat: Dialect = {
  promptOf: (body) => promptOfMessages(body.messages),
  whole: (result, model) => {
    const message = { role: 'assistant', content: result.text }
    const choices = [{ index: 0, message, finish_reason: result.finishReason, logprobs: null }]
    return answer({ id: 'chatcmpl-A1', object: 'chat.completion', model, choices }, result)
  },
  events: (model, body) => {
    if (body.stream !== true) return undefined
    const about = { object: 'chat.completion.chunk', model }
    return chunks(about, (content) => ({ delta: { role: 'assistant', content } }))
  },
}

function answer(body: object, result: TextResult) {
  const usage = {
    prompt_tokens: result.promptTokens,
    completion_tokens: result.completionTokens,
    total_tokens: result.promptTokens + result.completionTokens,
  }
  return { contentType: 'application/json', body: { ...body, created: unixTime(), usage } }
}

function chunks(about: object, contentOf: (text: string) => object): EventShape {
  const chunk = (text: string, finishReason: string | null) => {
    const choice = { index: 0, finish_reason: finishReason, ...contentOf(text) }
    return dataEvent({ id: 'koboldcpp', created: unixTime(), ...about, choices: [choice] })
  }
  return {
    begin: () => [],
    piece: (text) => [chunk(text, null)],
    end: (result) => [chunk('', result.finishReason), 'data: [DONE]\n\n'],
  }
}

function unixTime(): number {
  return Math.floor(Date.now() / 1000)
}
