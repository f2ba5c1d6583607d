import type { FaceFacts, KnownBackend } from './facts.js'
import { fileName, withoutPaths } from './paths.js'
import { isModelName } from './questions.js'
import { type JsonObject, listOf, objectOf, textOf } from './read.js'

/** One image backend as clients of AUTOMATIC1111 see it. */
export interface ImageModel {
  readonly backend: string
  /** Unique: by it a client chooses, in `sd_model_checkpoint`. */
  readonly title: string
  readonly entry: JsonObject
}

/** The image backends as models, the default one first. */
export function imageModels(facts: FaceFacts): readonly ImageModel[] {
  const taken = new Set<string>()
  return facts.serving('image').map((image) => {
    const entry = entryOf(image)
    const own = textOf(entry, 'title') ?? image.config.name
    const title = taken.has(own) ? `${own} (${image.config.name})` : own
    taken.add(title)
    const name = title === own ? (textOf(entry, 'model_name') ?? own) : title
    return { backend: image.config.name, title, entry: { ...entry, title, model_name: name } }
  })
}

/** `/sdapi/v1/sd-models`: KoboldAI Lite shows pictures where an entry has a file name, so it has one, never a path. */
export function sdModels(facts: FaceFacts): readonly JsonObject[] {
  return imageModels(facts).map(({ entry }) => entry)
}

/** `/sdapi/v1/options`: what a client of AUTOMATIC1111 asks before it connects. */
export function sdOptions(facts: FaceFacts): JsonObject {
  const [first] = imageModels(facts)
  return { samples_format: 'png', sd_model_checkpoint: first?.title ?? 'inactive' }
}

/** A list of the default image backend's; `unknown`: before it has ever run. */
export function sdList(path: string, unknown: readonly JsonObject[] = []) {
  return (facts: FaceFacts): readonly unknown[] => {
    const [image] = facts.serving('image')
    if (!image) return []
    const said = image.said(path)
    return Array.isArray(said) ? listOf(withoutPaths(said)) : unknown
  }
}

/** Clients fill their menus from these lists once, when they connect; each backend takes at least these names. */
export const SAMPLERS: readonly JsonObject[] = [
  sampler('Euler', 'k_euler'),
  sampler('Euler a', 'k_euler_a'),
  sampler('Heun', 'k_heun'),
  sampler('DPM2', 'k_dpm_2'),
  sampler('DPM++ 2M', 'k_dpmpp_2m'),
  sampler('LCM', 'k_lcm'),
]
export const SCHEDULERS: readonly JsonObject[] = ['default', 'discrete', 'karras'].map((name) => ({
  name,
  label: name,
  aliases: [],
}))

function sampler(name: string, alias: string): JsonObject {
  return { name, aliases: [alias], options: {} }
}

/** A backend that has many models is shown with the one in use. */
function entryOf(image: KnownBackend): JsonObject {
  const { name } = image.config
  const entries = listOf(image.said('/sdapi/v1/sd-models')).map(objectOf)
  const inUse = textOf(image.said('/sdapi/v1/options'), 'sd_model_checkpoint')
  const named = entries.filter((entry) => isModelName(textOf(entry, 'model_name')))
  const found = named.find(({ title }) => title === inUse) ?? named[0] ?? {}
  const title = textOf(found, 'title') ?? textOf(found, 'model_name') ?? name
  const about = { title, model_name: title, hash: '8888888888', sha256: '8'.repeat(64) }
  const filename = fileName(textOf(found, 'filename') ?? title)
  return { ...about, config: null, ...objectOf(withoutPaths(found)), filename }
}
