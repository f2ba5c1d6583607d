import {
  type FaceFacts,
  imageModels,
  imageOptions,
  infoVersion,
  model,
  models,
  version,
} from './answers.js'
import type { Answer, Answers } from './context.js'
import { json } from './reply.js'

/** Answered here always. */
export const META: Answers = [
  ['version', from(version)],
  ['shutdown', () => json({ success: false })],
  ['models', from(models)],
]

/** Answered here while the backend that knows better is down. */
export const META_STAND_INS: Answers = [
  ['model', from(model)],
  ['info-version', from(infoVersion)],
  ['sd-options', from(imageOptions)],
  ['sd-models', from(imageModels)],
  // Only the backend knows its own; without them a client offers its defaults.
  ['sd-samplers', () => json([])],
  ['sd-schedulers', () => json([])],
  ['sd-upscalers', () => json([])],
  ['sd-latent-upscalers', () => json([])],
  ['sd-loras', () => json([])],
  ['abort', () => json({ success: 'false', done: 'false' })],
]

function from(render: (facts: FaceFacts) => unknown): Answer {
  return ({ facts }) => json(render(facts))
}
