import type { Dialect, EventShape } from './dialect.js'
import type { TextResult } from './generate.js'
import { promptOfMessages } from './job.js'
import { namedEvent } from './sse.js'

/** Anthropic's messages. */
export const messages: Dialect = {
  promptOf: (body) => promptOfMessages(body.messages),
  whole: (result, model) => {
    const content = [{ type: 'text', text: result.text }]
    const body = {
      ...message(model, content),
      stop_reason: stopReason(result),
      usage: usage(result),
    }
    return { contentType: 'application/json', body }
  },
  events: (model, body) => (body.stream === true ? eventsOf(model) : undefined),
}

function eventsOf(model: string): EventShape {
  return {
    begin: () => [
      typed({ type: 'message_start', message: message(model, []) }),
      typed({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    ],
    piece: (text) => {
      const delta = { type: 'text_delta', text }
      return [typed({ type: 'content_block_delta', index: 0, delta })]
    },
    end: (result) => {
      const delta = { stop_reason: stopReason(result), stop_sequence: null }
      return [
        typed({ type: 'content_block_stop', index: 0 }),
        typed({ type: 'message_delta', delta, usage: usage(result) }),
        typed({ type: 'message_stop' }),
      ]
    },
  }
}

function typed(event: { readonly type: string; readonly [member: string]: unknown }): string {
  return namedEvent(event.type, event)
}

function message(model: string, content: readonly object[]): object {
  return {
    id: 'msg_A1',
    type: 'message',
    role: 'assistant',
    model,
    content,
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 0, output_tokens: 0 },
  }
}

function stopReason(result: TextResult): string {
  const words = { length: 'max_tokens', stop: 'stop_sequence', error: 'error' }
  return words[result.finishReason]
}

function usage(result: TextResult): object {
  return { input_tokens: result.promptTokens, output_tokens: result.completionTokens }
}
