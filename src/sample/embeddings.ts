import { type Handler, jsonBody } from './call.js'
import { embed } from './embed.js'
import { tokenIds } from './text/tokens.js'

/** OpenAI's embeddings; without a model for them an empty vector for each text. */
export const embeddings: Handler = async (call) => {
  const { input } = jsonBody(call)
  const texts = (Array.isArray(input) ? input : [input]).map((text) => String(text ?? ''))
  const hasModel = call.engine.has('embeddings')
  const data = texts.map((text, index) => {
    return { object: 'embedding', index, embedding: hasModel ? embed(text) : [] }
  })
  const tokens = texts.reduce((sum, text) => sum + tokenIds(text).length, 0)
  const usage = { prompt_tokens: tokens, total_tokens: tokens }
  const model = hasModel ? call.engine.options.name : 'inactive'
  await call.reply.json({ object: 'list', data, model, usage })
}
