import { type Call, type Handler, jsonBody } from '../call.js'
import { pause } from '../pause.js'
import { type Drawing, draw } from './draw.js'

/** A1111's txt2img and img2img; without an image model the 200 with nothing in it. */
export const generateImage: Handler = async (call) => {
  const drawing = await makeImage(call)
  await call.reply.json({
    images: [base64Of(drawing)],
    parameters: {},
    info: drawing ? infoOf(drawing) : '',
    animated: false,
    extra_data: '',
    final_frame: '',
  })
}

/** OpenAI's images. */
export const generateOpenAiImage: Handler = async (call) => {
  const data = [{ b64_json: base64Of(await makeImage(call)) }]
  await call.reply.json({ created: Math.floor(Date.now() / 1000), data })
}

/** A1111's upscale: the sample has no upscaler, so this is KoboldCpp's empty answer. */
export const upscale: Handler = async (call) => {
  jsonBody(call)
  await call.reply.json({ html_info: '', image: '' })
}

/** A1111's interrogate, which asks a text model with eyes; the sample has none. */
export const interrogate: Handler = async ({ reply }) => {
  const detail = { msg: 'No LLaVA model loaded', type: 'service_unavailable' }
  await reply.json({ detail }, 503)
}

async function makeImage(call: Call): Promise<Drawing | undefined> {
  const body = jsonBody(call)
  if (!call.engine.has('image')) return undefined
  await pause(call.engine.options.imageTimeMs)
  const drawing = draw(body)
  call.engine.finish('image')
  return drawing
}

function base64Of(drawing: Drawing | undefined): string {
  return drawing?.png.toString('base64') ?? ''
}

function infoOf({ seed, width, height }: Drawing): string {
  return JSON.stringify({ seed, all_seeds: [seed], width, height })
}
