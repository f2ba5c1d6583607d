import type { BackendConfig, DialectName, Workload } from '../config/config.js'
import { isObject, listOf, numberOf, objectOf, textOf } from './read.js'

/** Something to ask a backend by GET. */
export interface Question {
  readonly path: string
  /** Whether an answer is one: instances invent plausible nonsense for what they do not have (kobold-wire 1.4, 2). */
  isGood(answer: unknown): boolean
  readonly maxBytes: number
}

/** KoboldCpp hides the name where a password is set; the other two stand for "no model". */
const NO_MODEL: ReadonlySet<string> = new Set([
  'inactive',
  'ReadOnly',
  'koboldcpp/protected-model',
  'initial_model',
  'unload_model',
])
const MAX_BYTES = 256 * 1024
/** A ComfyUI with many nodes describes each of them. */
const MAX_NODES_BYTES = 2 * 1024 * 1024

/** Whether this is the name of a model that is there. */
export function isModelName(name: string | undefined): name is string {
  return name !== undefined && !NO_MODEL.has(name)
}

/** What every KoboldCpp is asked first. */
export const VERSION_PATH = '/api/extra/version'
const VERSION = ask(VERSION_PATH, (said) => textOf(said, 'result') === 'KoboldCpp')
const MODELS = ask('/v1/models', (said) => listOf(objectOf(said).data).some(isModel))
const PROPS = ask('/props', isFull)
const VOICES = ask('/v1/audio/voices', (said) => hasItems(said) || hasItems(objectOf(said).voices))
const CHECKPOINTS = ask('/models/checkpoints', Array.isArray)
const NODES = ask('/object_info', isFull, MAX_NODES_BYTES)
const SYSTEM = ask('/system_stats', isFull)
const IMAGE_LISTS: readonly Question[] = [
  ask('/sdapi/v1/sd-models', (said) => isModelName(textOf(listOf(said)[0], 'model_name'))),
  ask('/sdapi/v1/options', (said) => isModelName(textOf(said, 'sd_model_checkpoint'))),
  ask('/sdapi/v1/samplers', hasItems),
  ask('/sdapi/v1/schedulers', hasItems),
  ask('/sdapi/v1/loras', Array.isArray),
  ask('/sdapi/v1/upscalers', Array.isArray),
  ask('/sdapi/v1/latent-upscale-modes', Array.isArray),
]

type ByWorkload = Readonly<Partial<Record<Workload, readonly Question[]>>>

/** Of a dialect that is not here nothing is known, so it is asked nothing. */
const QUESTIONS: Readonly<Partial<Record<DialectName, ByWorkload>>> = {
  koboldcpp: {
    text: [
      ask('/api/v1/model', (said) => isModelName(textOf(said, 'result'))),
      ask('/api/v1/config/max_length', isCount),
      ask('/api/v1/config/max_context_length', isCount),
      ask('/api/extra/true_max_context_length', isCount),
      MODELS,
      PROPS,
      ask('/api/extra/preloadstory', isObject),
    ],
    image: [...IMAGE_LISTS, NODES, SYSTEM, CHECKPOINTS],
    speech: [
      ask('/speakers_list', hasItems),
      ask('/speakers', hasItems),
      ask('/get_tts_settings', isFull),
      VOICES,
    ],
  },
  openai: { text: [MODELS, PROPS], image: IMAGE_LISTS, speech: [VOICES] },
  a1111: {
    image: [
      ...IMAGE_LISTS,
      ask('/sdapi/v1/sd-vae', Array.isArray),
      ask('/sdapi/v1/sd-modules', Array.isArray),
    ],
  },
  comfyui: { image: [NODES, SYSTEM, CHECKPOINTS] },
}

/** What a backend is asked once it runs; only about the work that it serves. */
export function questionsFor({ dialect, serves }: BackendConfig): readonly Question[] {
  const byWorkload = QUESTIONS[dialect] ?? {}
  const first = dialect === 'koboldcpp' ? [VERSION] : []
  return [...first, ...serves.flatMap((workload) => byWorkload[workload] ?? [])]
}

function ask(path: string, isGood: Question['isGood'], maxBytes = MAX_BYTES): Question {
  return { path, isGood, maxBytes }
}

function isModel(entry: unknown): boolean {
  return isModelName(textOf(entry, 'id'))
}

function hasItems(said: unknown): boolean {
  return listOf(said).length > 0
}

function isFull(said: unknown): boolean {
  return Object.keys(objectOf(said)).length > 0
}

function isCount(said: unknown): boolean {
  return (numberOf(said, 'value') ?? 0) > 0
}
