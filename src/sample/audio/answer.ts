import { type Call, type Handler, jsonBody } from '../call.js'
import { textOf } from '../text/job.js'
import { describeSound } from './describe.js'
import { fileOfForm } from './multipart.js'
import { speak } from './speak.js'
import { decodeWav } from './wav.js'

/** Says what an audio file holds; what cannot be heard, or no model to hear it, gives an empty text. */
export const transcribe: Handler = async (call) => {
  const audio = audioOf(call)
  const sound = call.engine.has('transcribe') ? decodeWav(audio) : undefined
  if (sound) call.engine.finish('transcribe')
  await call.reply.json({ text: sound ? describeSound(sound) : '' })
}

/** Speaks a text as a WAVE file; without a speech model no bytes at all. */
export const synthesize: Handler = async (call) => {
  const body = jsonBody(call)
  const sound = call.engine.has('speech') ? speak(textOf(body.input ?? body.text)) : Buffer.alloc(0)
  if (sound.length > 0) call.engine.finish('speech')
  await call.reply.file(sound, 'audio/wav', 'kcpptts.wav')
}

/** A form with a file, or JSON with base64, with or without a data URL before it. */
function audioOf(call: Call): Buffer {
  const { body, headers } = call.request
  const uploaded = fileOfForm(body, headers.get('content-type') ?? '')
  if (uploaded) return uploaded
  const encoded = textOf(jsonBody(call).audio_data)
  return Buffer.from(encoded.replace(/^data:[^,]*,/, ''), 'base64')
}
