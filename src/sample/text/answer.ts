import { type Call, type Handler, jsonBody } from '../call.js'
import type { Dialect, EventShape } from './dialect.js'
import type { PieceSink, TextResult } from './generate.js'
import { readJob, type TextJob } from './job.js'
import type { TextRun } from './runs.js'

/** Returns the handler that makes text for one dialect, streamed or whole as the request wishes. */
export function answerText(dialect: Dialect): Handler {
  return async (call) => {
    const body = jsonBody(call)
    const job = readJob(body, dialect.promptOf(body))
    const run = call.engine.runs.begin(job.genkey)
    try {
      const events = dialect.events(call.engine.modelName, body)
      if (events) return await stream(call, { job, run, events })
      const result = await makeText(call, { job, run, sink: async () => undefined })
      const { contentType, body: answer } = dialect.whole(result, call.engine.modelName, body)
      if (typeof answer === 'string') await call.reply.text(answer, contentType)
      else await call.reply.json(answer)
    } finally {
      call.engine.runs.finish()
    }
  }
}

interface Work {
  readonly job: TextJob
  readonly run: TextRun
}

async function stream(call: Call, work: Work & { events: EventShape }): Promise<void> {
  const { events, run } = work
  const send = async (lines: readonly string[]) => {
    for (const line of lines) await sendEvent(call, line)
  }
  call.reply.onClientGone(() => run.abort())
  call.reply.openStream()
  await send(events.begin())
  const result = await makeText(call, { ...work, sink: (piece) => send(events.piece(piece)) })
  await send(events.end(result))
  await call.reply.end()
}

/** An event's name and its data leave apart, as KoboldCpp's often do, so that no reader may trust a packet. */
async function sendEvent({ reply, engine }: Call, event: string): Promise<void> {
  const dataStart = event.indexOf('data:')
  if (dataStart > 0) await reply.send(event.slice(0, dataStart))
  await reply.send(event.slice(Math.max(0, dataStart)))
  await engine.misbehaviour.afterEvent()
}

async function makeText(call: Call, work: Work & { sink: PieceSink }): Promise<TextResult> {
  const { engine } = call
  if (!engine.has('text'))
    return { text: '', finishReason: 'error', promptTokens: 0, completionTokens: 0 }
  const result = await engine.generator.generate(work.job, work.run, work.sink)
  engine.finishText(result, work.job.seed)
  return result
}
