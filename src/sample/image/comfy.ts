import { fileOfForm } from '../audio/multipart.js'
import { type Handler, HangUp, json, jsonBody } from '../call.js'
import { pause } from '../pause.js'
import { type JsonBody, objectOf, textOf } from '../text/job.js'
import { draw } from './draw.js'

/** Every prompt has it. */
const PROMPT_ID = '12345678-0000-0000-0000-000000000001'
const OUTPUT_NODE = '9'

/** ComfyUI's prompt, answered only when the picture is drawn; a workflow without a sampler is hung up on. */
export const comfyPrompt: Handler = async (call) => {
  const { engine } = call
  const workflow = objectOf(jsonBody(call).prompt)
  const sampler = Object.values(workflow)
    .map(objectOf)
    .find((node) => /^KSampler(?:Advanced)?$/.test(textOf(node.class_type)))
  if (!sampler) throw new HangUp('the workflow has no sampler')
  engine.comfy.drawn = Buffer.alloc(0)
  if (engine.has('image')) {
    await pause(engine.options.imageTimeMs)
    engine.comfy.drawn = draw(wishes(objectOf(sampler.inputs), workflow, engine.comfy.uploaded)).png
    engine.finish('image')
  }
  await call.reply.json({ prompt_id: PROMPT_ID, number: 0, node_errors: {} })
}

/** The one picture to start from that the whole process keeps. */
export const comfyUpload: Handler = async ({ request, reply, engine }) => {
  const type = request.headers.get('content-type') ?? ''
  const picture = fileOfForm(request.body, type, 'image')
  if (!picture) throw new HangUp('the form has no picture')
  engine.comfy.uploaded = picture.toString('base64')
  await reply.json({ name: 'uploaded.png', subfolder: '', type: 'input' })
}

/** Tells of the last picture of the process, whoever asks for which prompt. */
export const comfyHistory = json(({ comfy }) => {
  const images = [{ filename: 'sample_00001_.png', subfolder: '', type: 'output' }]
  const status = { status_str: 'success', completed: comfy.drawn.length > 0, messages: [] }
  const prompt = [0, PROMPT_ID, {}, {}, [OUTPUT_NODE]]
  return { [PROMPT_ID]: { prompt, outputs: { [OUTPUT_NODE]: { images } }, status, meta: {} } }
})

/** The last picture of the process; none has no bytes. */
export const comfyView: Handler = ({ reply, engine }) => reply.text(engine.comfy.drawn, 'image/png')

/** A latent that is an encoded picture begins with the one that was uploaded last. */
function wishes(sampler: JsonBody, workflow: JsonBody, uploaded: string): JsonBody {
  const latent = linked(sampler.latent_image, workflow)
  const { width, height } = objectOf(latent.inputs)
  return {
    prompt: objectOf(linked(sampler.positive, workflow).inputs).text,
    seed: sampler.seed,
    ...{ width, height },
    init_images: latent.class_type === 'VAEEncode' ? [uploaded] : [],
  }
}

function linked(link: unknown, workflow: JsonBody): JsonBody {
  return objectOf(Array.isArray(link) ? workflow[String(link[0])] : undefined)
}
