import { createHash } from 'node:crypto'
import type { FaceFacts, KnownBackend } from './facts.js'
import { trueContext } from './lengths.js'
import { isModelName } from './questions.js'
import { type JsonObject, listOf, objectOf, textOf } from './read.js'
import { sensesOf } from './version.js'

/** `/api/v1/model`: the default text model under its own name, also while it is down. */
export function model(facts: FaceFacts): JsonObject {
  const [text] = facts.serving('text')
  return { result: text ? ownName(text) : 'inactive' }
}

/** `/v1/models`: the text models, those of the default backend first, under the names by which `model` chooses. */
export function models(facts: FaceFacts): JsonObject {
  const data = [...new Set(facts.serving('text').flatMap(idsOf))].map((id) => ({
    id,
    object: 'model',
    created: 1,
    owned_by: 'koboldcpp',
    status: { value: 'loaded' }, // as far as a client need know: it is loaded when it is asked
    permission: [],
    root: 'koboldcpp',
  }))
  return { object: 'list', data }
}

/** `/api/tags`: the same for clients of Ollama. */
export function ollamaTags(facts: FaceFacts): JsonObject {
  return { models: facts.textModels.map(ollamaModel) }
}

/** `/api/ps`: all of them count as loaded, for a client that sees one that is not may offer to load it. */
export function ollamaPs(facts: FaceFacts): JsonObject {
  const loaded = { expires_at: '2100-01-01T00:00:00Z', size_vram: 0 }
  return { models: facts.textModels.map((name) => ({ ...ollamaModel(name), ...loaded })) }
}

/** `/api/show`: about the model of that name, else the default one; undefined: there is no text backend. */
export function ollamaShow(facts: FaceFacts, name: string | undefined): JsonObject | undefined {
  const texts = facts.serving('text')
  const named = texts.find(({ config }) => namesOf(config.name).includes(name ?? ''))
  const text = named ?? texts[0]
  if (!text) return undefined
  const template = textOf(text.said('/props'), 'chat_template') ?? ''
  const sees = sensesOf(text).vision ? ['vision'] : []
  return {
    license: '',
    modelfile: `FROM ${text.config.name}`,
    parameters: `num_ctx ${trueContext(text)}`,
    template,
    details: DETAILS,
    model_info: {
      'general.architecture': 'koboldcpp',
      'general.basename': text.config.name,
      'koboldcpp.context_length': trueContext(text),
    },
    modified_at: LONG_AGO,
    capabilities: ['completion', ...sees],
  }
}

const LONG_AGO = '2024-01-01T00:00:00Z'
const DETAILS = {
  parent_model: '',
  format: 'gguf',
  family: 'koboldcpp',
  families: ['koboldcpp'],
  parameter_size: '',
  quantization_level: '',
}

function ollamaModel(name: string): JsonObject {
  const tag = `${idOf(name)}:latest`
  const digest = createHash('sha256').update(name).digest('hex')
  return { name: tag, model: tag, modified_at: LONG_AGO, size: 0, digest, details: DETAILS }
}

/** A KoboldCpp takes any name; other servers look it up, so that theirs must be told. */
function idsOf(text: KnownBackend): readonly string[] {
  if (text.config.dialect !== 'openai') return [idOf(text.config.name)]
  const listed = listOf(objectOf(text.said('/v1/models')).data).map((entry) => textOf(entry, 'id'))
  const named = listed.filter((id) => id !== undefined)
  return named.length > 0 ? named : [idOf(text.config.name)]
}

function idOf(name: string): string {
  return `koboldcpp/${name}`
}

/** As routing/pick.ts knows it. */
function namesOf(name: string): readonly string[] {
  return [name, idOf(name), `${name}:latest`, `${idOf(name)}:latest`]
}

function ownName(text: KnownBackend): string {
  const fallback = idOf(text.config.name)
  if (text.config.dialect !== 'koboldcpp') return fallback
  const said = textOf(text.said('/api/v1/model'), 'result')
  if (isModelName(said)) return said
  // Where a password is set it tells the name only here.
  const listed = listOf(objectOf(text.said('/v1/models')).data).map((entry) => textOf(entry, 'id'))
  return listed.find(isModelName) ?? fallback
}
