import type { Config, Workload } from '../config/config.js'

/** What the gateway says of all its backends together, from the configuration alone (kobold-wire 2). */
export interface FaceFacts {
  serves(workload: Workload): boolean
  /** The text backends, the default one first. */
  readonly textModels: readonly string[]
  /** The image backends, the default one first. */
  readonly imageModels: readonly string[]
}

export function faceFacts(config: Config): FaceFacts {
  const serving = (workload: Workload) =>
    config.backends.filter(({ serves }) => serves.includes(workload)).map(({ name }) => name)
  return {
    serves: (workload) => serving(workload).length > 0,
    textModels: serving('text'),
    imageModels: serving('image'),
  }
}

/**
 * `/api/extra/version`: user interfaces decide by it once, at page load, which buttons to show, so it names every
 * workload that a backend is configured for, whether or not that runs now.
 */
export function version(facts: FaceFacts) {
  return {
    result: 'KoboldCpp',
    version: KOBOLDCPP_VERSION,
    protected: false,
    llm: facts.serves('text'),
    txt2img: facts.serves('image'),
    vision: false,
    audio: false,
    transcribe: facts.serves('transcribe'),
    multiplayer: false,
    websearch: false,
    tts: facts.serves('speech'),
    embeddings: facts.serves('embeddings'),
    music: facts.serves('music'),
    savedata: false,
    admin: 0,
    router: false,
  }
}

/** `/sdapi/v1/options`: what a client of AUTOMATIC1111 asks before it connects. */
export function imageOptions(facts: FaceFacts) {
  const [name = 'inactive'] = facts.imageModels
  return { samples_format: 'png', sd_model_checkpoint: name }
}

/** `/sdapi/v1/sd-models`: KoboldAI Lite shows pictures where an entry has a file name, so it has one, never a path. */
export function imageModels(facts: FaceFacts) {
  return facts.imageModels.map((name) => ({
    title: name,
    model_name: name,
    hash: '8888888888',
    sha256: '8'.repeat(64),
    filename: name,
    config: null,
  }))
}

/** The KoboldCpp whose calls the built-in table knows; clients gate features on it. */
const KOBOLDCPP_VERSION = '1.116.1'

export function model(facts: FaceFacts) {
  const [name] = facts.textModels
  return { result: name === undefined ? 'inactive' : `koboldcpp/${name}` }
}

/** The API version that KoboldCpp has answered for years. */
export function infoVersion() {
  return { result: '1.2.5' }
}

export function models(facts: FaceFacts) {
  const data = facts.textModels.map((name) => ({
    id: `koboldcpp/${name}`,
    object: 'model',
    created: 0,
    owned_by: 'koboldcpp',
    permission: [],
    root: 'koboldcpp',
  }))
  return { object: 'list', data }
}
