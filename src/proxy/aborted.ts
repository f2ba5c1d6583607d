/** What a KoboldCpp answers whose request was aborted before it began: a text of nothing. */
const EMPTY = { text: '', finish_reason: 'length', logprobs: null }

/** A whole answer to a request for text that its own client aborted while it waited. */
export interface AbortedAnswer {
  readonly contentType: string
  readonly body: string
}

/** Undefined: this API has no such answer, and is told of an error. */
export function abortedAnswer(rowId: string, streams: boolean): AbortedAnswer | undefined {
  const whole = WHOLE.get(rowId)
  if (!whole) return undefined
  if (rowId === 'generate-stream')
    return events(`event: message\ndata: ${JSON.stringify(whole)}\n\n`)
  if (streams && rowId !== 'generate' && rowId !== 'kai-request') {
    return events(`data: ${JSON.stringify(chunkOf(whole))}\n\ndata: [DONE]\n\n`)
  }
  return { contentType: 'application/json', body: JSON.stringify(whole) }
}

const USAGE = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }
const WHOLE: ReadonlyMap<string, object> = new Map([
  ['generate', { results: [{ ...EMPTY, tool_calls: [], prompt_tokens: 0, completion_tokens: 0 }] }],
  ['generate-stream', { token: '', finish_reason: 'length' }],
  ['kai-request', { data: { seqs: [''] } }],
  ['completions', openai('text_completion', { ...EMPTY, index: 0 })],
  [
    'chat-completions',
    openai('chat.completion', {
      index: 0,
      finish_reason: 'length',
      message: { role: 'assistant', content: '' },
    }),
  ],
])

function openai(object: string, choice: object): object {
  return { id: 'aborted', object, created: 0, model: '', choices: [choice], usage: USAGE }
}

/** A streamed chat says `delta` where a whole one says `message`. */
function chunkOf(whole: object): object {
  const text = JSON.stringify(whole)
  return JSON.parse(text.replace('"message":', '"delta":').replace('chat.completion', '$&.chunk'))
}

function events(body: string): AbortedAnswer {
  return { contentType: 'text/event-stream', body }
}
