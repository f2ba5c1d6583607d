import { BadInput, type Handler, HangUp, jsonBody, lenientBody } from '../call.js'
import { promptOfMessages, textOf } from './job.js'
import { tokenIds } from './tokens.js'

/** Stops a running text, or remembers the key of one that waits. */
export const abort: Handler = async (call) => {
  const { runs, lock } = call.engine
  await call.reply.json(runs.abort(textOf(lenientBody(call).genkey), lock.waiting))
}

/** Tells the text so far. */
export const check: Handler = async (call) => {
  const { runs, lock } = call.engine
  const text = runs.textFor(textOf(lenientBody(call).genkey), lock.waiting)
  await call.reply.json({ results: [{ text }] })
}

/** Counts tokens; what is no JSON object gets the 400 that only this endpoint has. */
export const countTokens: Handler = async (call) => {
  try {
    const body = jsonBody(call)
    const prompt = textOf(body.prompt) || promptOfMessages(body.messages)
    const ids = call.engine.has('text') ? tokenIds(prompt) : []
    await call.reply.json({ value: ids.length, ids })
  } catch (error) {
    if (!(error instanceof BadInput || error instanceof HangUp)) throw error
    await call.reply.json({ value: -1 }, 400)
  }
}
