import { freemem, totalmem } from 'node:os'
import { performance } from 'node:perf_hooks'
import type { OwnAnswer } from '../routing/face.js'
import { jsonText } from '../routing/json-member.js'
import { forKobold, imageBackend } from './a1111-pictures.js'
import type { Answer, Answers } from './context.js'
import { progressOf } from './progress.js'
import { json } from './reply.js'
import { imageModels } from './sd-lists.js'

type Asked = Parameters<Answer>

/** The calls of AUTOMATIC1111 that KoboldCpp lacks and its clients make. */
export const A1111: Answers = [
  ['sd-options-set', setOptions],
  ['sd-progress', forKobold(progress)],
  ['sd-interrupt', forKobold(interrupt)],
  ['sd-skip', forKobold(interrupt)],
  ['sd-vae', forKobold(() => json([]))],
  ['sd-modules', forKobold(() => json([]))],
  ['sd-memory', forKobold(() => json(memory()))],
]

const IDLE = progressOf({ jobs: [], state: 'stopped', usualMs: undefined, now: 0 })

/** While a backend that has them itself is down, nothing runs there. */
export const A1111_STAND_INS: Answers = [
  ['sd-progress', () => json(IDLE)],
  ['sd-interrupt', () => json({})],
  ['sd-skip', () => json({})],
  ['sd-vae', () => json([])],
  ['sd-modules', () => json([])],
  ['sd-memory', () => json(memory())],
]

/** `sd_model_checkpoint` chooses the backend that draws, for all clients, as AUTOMATIC1111 has one model for all. */
async function setOptions(...[context, call]: Asked): Promise<OwnAnswer | undefined> {
  const models = imageModels(context.facts)
  const asked = jsonText(await call.body(), 'sd_model_checkpoint')
  const model = models.find(({ backend, title }) => title === asked || backend === asked)
  const isAmongSeveral = model !== undefined && context.facts.imageModels.length > 1
  if (isAmongSeveral) context.defaults.choose('image', model.backend)
  // A backend that has several models of its own is told as well.
  const { dialect } = imageBackend(context, call) ?? {}
  return dialect === 'a1111' || dialect === 'generic' ? undefined : json({})
}

/** KoboldCpp cannot leave off, but what the same client has waiting need not begin. */
function interrupt(...[{ pictures }, call]: Asked): ReturnType<Answer> {
  call.cancelWaiting('image')
  pictures.comfy.interrupt(call.client)
  return json({})
}

function progress(...[context, call]: Asked): ReturnType<Answer> {
  const { pictures, pool } = context
  const name = imageBackend(context, call)?.name ?? ''
  return json(
    progressOf({
      jobs: pictures.jobs(name),
      state: pool.get(name)?.status().state ?? 'stopped',
      usualMs: pictures.times.usualMs(name),
      now: performance.now(),
    }),
  )
}

/** Of this machine; a KoboldCpp does not tell of its graphics card. */
function memory() {
  const [total, free] = [totalmem(), freemem()]
  return { ram: { free, used: total - free, total }, cuda: { error: 'unavailable' } }
}
