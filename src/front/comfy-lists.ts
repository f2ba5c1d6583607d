import type { FaceFacts } from './facts.js'
import { withoutPaths } from './paths.js'
import { type JsonObject, listOf, objectOf, textOf } from './read.js'
import { imageModels, SAMPLERS, SCHEDULERS } from './sd-lists.js'

/** Made once for each answer that a backend gave: a real ComfyUI's is megabytes long. */
const nodesOf = new WeakMap<object, JsonObject>()
const texts = new WeakMap<object, string>()

/** `/object_info`: the default image backend's nodes, with those that clients fill their menus from. */
export function objectInfo(facts: FaceFacts): JsonObject {
  const said = facts.serving('image')[0]?.said('/object_info')
  if (typeof said !== 'object' || said === null) return menuNodes(checkpoints(facts))
  const known = nodesOf.get(said)
  if (known) return known
  // SillyTavern fails where a loader is missing, which a KoboldCpp has no need of.
  const nodes = { ...menuNodes(checkpoints(facts)), ...objectOf(withoutPaths(said)) }
  nodesOf.set(said, nodes)
  return nodes
}

/** The same as JSON; writing that down takes longer than an answer may, so it is done once. */
export function objectInfoText(facts: FaceFacts): string {
  const nodes = objectInfo(facts)
  const known = texts.get(nodes)
  if (known !== undefined) return known
  const text = JSON.stringify(nodes)
  texts.set(nodes, text)
  return text
}

/** `/models/checkpoints`: the file names of the image models. */
export function checkpoints(facts: FaceFacts): readonly unknown[] {
  const said = facts.serving('image')[0]?.said('/models/checkpoints')
  const listed = listOf(withoutPaths(said))
  if (listed.length > 0) return listed
  return imageModels(facts).map(({ entry }) => entry.filename)
}

/** `/system_stats`: what the image backend said of its machine last. */
export function systemStats(facts: FaceFacts): JsonObject {
  const said = objectOf(withoutPaths(facts.serving('image')[0]?.said('/system_stats')))
  const system = {
    os: 'posix',
    ram_total: 0,
    ram_free: 0,
    comfyui_version: '0.3.0',
    python_version: '3.11',
    pytorch_version: '2.5',
    embedded_python: false,
    argv: [],
  }
  return { devices: [], ...said, system: { ...system, ...objectOf(said.system) } }
}

function menuNodes(models: readonly unknown[]): JsonObject {
  const names = (list: readonly JsonObject[]) =>
    list.map((item) => textOf(item, 'name')?.toLowerCase().replaceAll(' ', '_'))
  return {
    CheckpointLoaderSimple: node('CheckpointLoaderSimple', { ckpt_name: [models] }),
    UNETLoader: node('UNETLoader', { unet_name: [[]], weight_dtype: [['default']] }),
    VAELoader: node('VAELoader', { vae_name: [[]] }),
    KSampler: node('KSampler', {
      sampler_name: [names(SAMPLERS)],
      scheduler: [names(SCHEDULERS)],
    }),
  }
}

function node(name: string, required: JsonObject): JsonObject {
  return { input: { required }, name, display_name: name, output: [], category: '' }
}
