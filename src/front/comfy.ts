import type { FaceCall, OwnAnswer } from '../routing/face.js'
import { forKobold, imageBackend } from './a1111-pictures.js'
import type { ComfyDesk } from './comfy-desk.js'
import { readUpload } from './comfy-upload.js'
import { modelOfWorkflow, needsPicture, readPrompt, startPictures } from './comfy-workflow.js'
import type { Answer, Answers, FaceContext } from './context.js'
import { objectOf, parse, textOf } from './read.js'
import { json, whole } from './reply.js'

type Asked = Parameters<Answer>

/**
 * ComfyUI in front of KoboldCpp, which speaks a little of it, for one client at a time; a ComfyUI speaks for itself.
 */
export const COMFY: Answers = [
  ['comfy-prompt', forKobold(prompt)],
  ['comfy-upload', forKobold(upload)],
  ['comfy-state', forKobold(({ pictures }, call) => json(execInfo(pictures.comfy, call)))],
  ['comfy-queue', forKobold(queue)],
  ['comfy-queue-change', forKobold(changeQueue)],
  ['comfy-history', forKobold(history)],
  ['comfy-history-change', forKobold(changeHistory)],
  ['comfy-view', forKobold(view)],
  ['comfy-interrupt', forKobold(interrupt)],
  ['comfy-ws', forKobold(listen)],
]

/** Answered at once, as ComfyUI does; the picture comes later. */
async function prompt(...[context, call]: Asked): Promise<OwnAnswer> {
  const { comfy } = context.pictures
  const { client } = call
  const body = await call.body()
  const asked = readPrompt(body)
  if (!asked) return refusal('no_prompt', 'No prompt provided')
  const { workflow } = asked
  const [start] = startPictures(workflow).flatMap((name) => comfy.findUpload(client, name) ?? [])
  if (!start && needsPicture(workflow)) {
    return refusal('prompt_outputs_failed_validation', 'The picture to start from was not uploaded')
  }
  const backend = drawerOf(context, call, modelOfWorkflow(workflow))
  const order = { ...asked, client, backend, body, upload: start }
  const { id, number } = await comfy.submit(order)
  return json({ prompt_id: id, number, node_errors: {} })
}

/** A workflow that names another KoboldCpp as its model is drawn there, unless a route says where. */
function drawerOf(context: FaceContext, call: FaceCall, model = ''): string {
  const named = context.config.backends.find(({ name }) => name === model)
  const isMeant = named?.dialect === 'koboldcpp' && named.serves.includes('image')
  if (isMeant && call.match.to.backend === undefined) return model
  return imageBackend(context, call)?.name ?? ''
}

async function upload(...[{ pictures }, call]: Asked): Promise<OwnAnswer> {
  const picture = readUpload(await call.body(Number.POSITIVE_INFINITY), call.client)
  if (!picture) return refusal('invalid_image', 'This is no form with a picture')
  pictures.comfy.keepUpload(picture)
  return json({ name: picture.name, subfolder: '', type: 'input' })
}

function execInfo(comfy: ComfyDesk, { client }: FaceCall) {
  return { exec_info: { queue_remaining: comfy.open(client).length } }
}

/** Nobody sees the prompts of others. */
function queue(...[{ pictures }, { client }]: Asked): ReturnType<Answer> {
  const those = pictures.comfy.open(client)
  const entries = (runs: boolean) =>
    those.filter(({ lease }) => (lease !== undefined) === runs).map(({ entry }) => entry)
  return json({ queue_running: entries(true), queue_pending: entries(false) })
}

async function changeQueue(...[{ pictures }, call]: Asked): Promise<OwnAnswer> {
  pictures.comfy.cancel(call.client, meant(await call.body()))
  return json({})
}

function history(...[{ pictures }, { client, path, query }]: Asked): ReturnType<Answer> {
  const { comfy } = pictures
  const [, id] = /\/history\/([^/]+)$/.exec(path) ?? []
  const last = Number(new URLSearchParams(query).get('max_items')) || Number.POSITIVE_INFINITY
  const those = id === undefined ? comfy.done(client).slice(-last) : [comfy.find(id)]
  return json(Object.fromEntries(those.flatMap((done) => (done ? [[done.id, done.history]] : []))))
}

async function changeHistory(...[{ pictures }, call]: Asked): Promise<OwnAnswer> {
  pictures.comfy.forget(call.client, meant(await call.body()))
  return json({})
}

/** Without a file's name, as KoboldCpp: the last one, but of the same client. */
function view(...[{ pictures }, { client, query }]: Asked): ReturnType<Answer> {
  const { comfy } = pictures
  const name = new URLSearchParams(query).get('filename')
  const done =
    name === null
      ? comfy.done(client).findLast(({ picture }) => picture)
      : comfy.find(name.replace(/\.\w+$/, ''))
  if (!done?.picture) return whole('text/plain', '', 404)
  return whole(done.picture.contentType, done.picture.bytes)
}

async function interrupt(...[{ pictures }, call]: Asked): Promise<OwnAnswer> {
  pictures.comfy.interrupt(call.client, textOf(parse(await call.body()), 'prompt_id'))
  return json({})
}

/** Status frames, and news of the prompts that name this `clientId`. */
function listen(...[{ pictures }, { client, query }]: Asked): ReturnType<Answer> {
  const { comfy } = pictures
  const clientId = new URLSearchParams(query).get('clientId') ?? ''
  return comfy.news.accept({ client, clientId }, () => comfy.open(client).length)
}

/** `{"clear": true}` means all, `{"delete": [...]}` those. */
function meant(body: Buffer): (id: string) => boolean {
  const { clear, delete: ids } = objectOf(parse(body))
  return (id) => clear === true || (Array.isArray(ids) && ids.includes(id))
}

function refusal(type: string, message: string) {
  return json({ error: { type, message, details: message, extra_info: {} }, node_errors: {} }, 400)
}
