import type { FaceFacts, KnownBackend } from './facts.js'
import { fileName, withoutPaths } from './paths.js'
import { isModelName } from './questions.js'
import { type JsonObject, listOf, objectOf, textOf } from './read.js'

/** A model of an image backend as clients of AUTOMATIC1111 see it. */
export interface ImageModel {
  readonly backend: string
  /** Unique: by it a client chooses, in `sd_model_checkpoint`. */
  readonly title: string
  readonly entry: JsonObject
}

/** The models of the image backends, those of the default one first. */
export function imageModels(facts: FaceFacts): readonly ImageModel[] {
  const taken = new Set<string>()
  return facts.serving('image').flatMap((image) =>
    entriesOf(image).map((entry) => {
      const own = textOf(entry, 'title') ?? image.config.name
      const title = taken.has(own) ? `${own} (${image.config.name})` : own
      taken.add(title)
      const name = title === own ? (textOf(entry, 'model_name') ?? own) : title
      return { backend: image.config.name, title, entry: { ...entry, title, model_name: name } }
    }),
  )
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

/** The model in use comes first; only an AUTOMATIC1111 can change to another of its own. */
function entriesOf(image: KnownBackend): readonly JsonObject[] {
  const { name, dialect } = image.config
  const entries = listOf(image.said('/sdapi/v1/sd-models')).map(objectOf)
  const inUse = textOf(image.said('/sdapi/v1/options'), 'sd_model_checkpoint')
  const named = entries.filter((entry) => isModelName(textOf(entry, 'model_name')))
  const first = named.find(({ title }) => title === inUse) ?? named[0] ?? {}
  const others = dialect === 'a1111' ? named.filter((entry) => entry !== first) : []
  return [first, ...others].map((entry) => complete(entry, name))
}

function complete(found: JsonObject, fallback: string): JsonObject {
  const title = textOf(found, 'title') ?? textOf(found, 'model_name') ?? fallback
  const about = { title, model_name: title, hash: '8888888888', sha256: '8'.repeat(64) }
  const filename = fileName(textOf(found, 'filename') ?? title)
  return { ...about, config: null, ...objectOf(withoutPaths(found)), filename }
}
