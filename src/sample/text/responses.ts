import type { Dialect, EventShape } from './dialect.js'
import type { TextResult } from './generate.js'
import { promptOfMessages } from './job.js'
import { namedEvent } from './sse.js'

const PLACE = { item_id: 'msg_A1', output_index: 0, content_index: 0 }

/** OpenAI's responses. */
export const responses: Dialect = {
  promptOf: (body) => promptOfMessages(body.input),
  whole: (result, model) => {
    return { contentType: 'application/json', body: completed(model, result) }
  },
  events: (model, body) => (body.stream === true ? eventsOf(model) : undefined),
}

function eventsOf(model: string): EventShape {
  let number = 0
  const event = (type: string, members: object): string => {
    const line = namedEvent(type, { type, sequence_number: number, ...members })
    number += 1
    return line
  }
  return {
    begin: () => [
      event('response.created', { response: response(model, 'in_progress') }),
      event('response.in_progress', { response: response(model, 'in_progress') }),
      event('response.output_item.added', { output_index: 0, item: item('in_progress', []) }),
      event('response.content_part.added', { ...PLACE, part: part('') }),
    ],
    piece: (delta) => [event('response.output_text.delta', { ...PLACE, delta })],
    end: (result) => {
      const done = item('completed', [part(result.text)])
      return [
        event('response.output_text.done', { ...PLACE, text: result.text }),
        event('response.content_part.done', { ...PLACE, part: part(result.text) }),
        event('response.output_item.done', { output_index: 0, item: done }),
        event('response.completed', { response: completed(model, result) }),
      ]
    },
  }
}

function completed(model: string, result: TextResult): object {
  return {
    ...response(model, 'completed'),
    output: [item('completed', [part(result.text)])],
    usage: {
      input_tokens: result.promptTokens,
      output_tokens: result.completionTokens,
      total_tokens: result.promptTokens + result.completionTokens,
    },
  }
}

function response(model: string, status: string): object {
  const createdAt = Math.floor(Date.now() / 1000)
  return { id: 'resp_A1', object: 'response', created_at: createdAt, status, model, output: [] }
}

function item(status: string, content: readonly object[]): object {
  return { id: PLACE.item_id, type: 'message', role: 'assistant', status, content }
}

function part(text: string): object {
  return { type: 'output_text', text, annotations: [] }
}
