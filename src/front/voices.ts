import type { FaceFacts, KnownBackend } from './facts.js'
import { withoutPaths } from './paths.js'
import { type JsonObject, listOf, objectOf, textOf } from './read.js'

/** The five that every KoboldCpp with a voice has. */
const KOBOLD_VOICES = ['kobo', 'cheery', 'sleepy', 'shouty', 'chatty']
/** The names that OpenAI began with, which servers of that dialect take. */
const OPENAI_VOICES = ['alloy', 'echo', 'fable', 'onyx', 'nova', 'shimmer']
const SETTINGS: JsonObject = {
  temperature: 0.75,
  speed: 1,
  length_penalty: 1,
  repetition_penalty: 1,
  top_p: 1,
  top_k: 4,
  enable_text_splitting: true,
  stream_chunk_size: 100,
}

/** `/speakers_list`: names, of the speech backend only, because others invent some (kobold-wire 1.4). */
export function speakersList(facts: FaceFacts): readonly unknown[] {
  const [speech] = facts.serving('speech')
  const said = listOf(withoutPaths(speech?.said('/speakers_list')))
  return said.length > 0 ? said : namesOf(speech)
}

/** `/speakers`: the same for SillyTavern's XTTS. */
export function speakers(facts: FaceFacts): readonly unknown[] {
  const said = listOf(withoutPaths(facts.serving('speech')[0]?.said('/speakers')))
  if (said.length > 0) return said
  return speakersList(facts).map((name) => ({ name, voice_id: name, preview_url: '' }))
}

/** `/v1/audio/voices`. */
export function voices(facts: FaceFacts): JsonObject {
  const said = objectOf(withoutPaths(facts.serving('speech')[0]?.said('/v1/audio/voices')))
  return listOf(said.voices).length > 0 ? said : { status: 'ok', voices: speakersList(facts) }
}

/** `/get_tts_settings`. */
export function speechSettings(facts: FaceFacts): JsonObject {
  return {
    ...SETTINGS,
    ...objectOf(withoutPaths(facts.serving('speech')[0]?.said('/get_tts_settings'))),
  }
}

function namesOf(speech: KnownBackend | undefined): readonly unknown[] {
  if (!speech) return []
  if (speech.config.dialect === 'koboldcpp') return KOBOLD_VOICES
  const said = speech.said('/v1/audio/voices')
  const listed = [...listOf(said), ...listOf(objectOf(said).voices)].flatMap(
    (voice) => textOf({ voice }, 'voice') ?? textOf(voice, 'id') ?? textOf(voice, 'name') ?? [],
  )
  return listed.length > 0 ? listed : OPENAI_VOICES
}
