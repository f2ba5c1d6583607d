/** How an answer looks that says all is well and has nothing in it. */
export interface EmptyForm {
  /** What is longer is none, and need not be looked at. */
  readonly maxBytes: number
  /** Whether these bytes, whole or the first events of a stream, are such an answer. Never throws. */
  isEmpty(bytes: Buffer): boolean
}

type Json = Readonly<Record<string, unknown>>

/** What a JSON answer, or one event of it, holds; undefined: something else than results. */
type Results = (answer: Json) => readonly unknown[] | undefined
/** Why a text ended. */
type Reason = (answer: Json) => unknown

/** Room for some dozen embeddings without numbers. */
const JSON_BYTES = 4096
/** Pictures in base64 are longer: none is ever parsed. */
const PICTURE_BYTES = 512

const choices: Results = ({ choices }) => listOf(choices)?.map(choiceText)
const pictures: Results = ({ images, image, html_info: info }) =>
  listOf(images) ?? (info === undefined ? undefined : [image])
const embeddings: Results = ({ data, embeddings }) =>
  listOf(data)?.map((each) => membersOf(each).embedding) ?? listOf(embeddings)

const kobold = failedText(
  ({ results }) => listOf(results)?.map((each) => membersOf(each).text),
  ({ results }) => firstOf(results).finish_reason,
)
const koboldEvent = failedText(
  ({ token }) => [token],
  ({ finish_reason: reason }) => reason,
)
const openai = failedText(choices, ({ choices }) => firstOf(choices).finish_reason)
const anthropic = failedText(
  ({ content }) => listOf(content)?.map((each) => membersOf(each).text),
  ({ stop_reason: reason }) => reason,
)
const ollama = failedText(
  ({ response, message }) => [response ?? membersOf(message).content],
  ({ done_reason: reason }) => reason,
)
const picture = nothing(pictures, PICTURE_BYTES)
const embedding = nothing(embeddings, JSON_BYTES)
const sound: EmptyForm = { maxBytes: 0, isEmpty: (bytes) => bytes.length === 0 }

/**
 * What KoboldCpp answers with status 200 where it has no model or refuses its input (kobold-wire, fact 1), by the id
 * of the row of the built-in table. Not here is what an honest answer can look like too: an empty transcript is
 * silence, and `responses` and `request` do not say why a text ended.
 */
export const EMPTY_ANSWERS: ReadonlyMap<string, EmptyForm> = new Map([
  ['generate', kobold],
  ['generate-stream', koboldEvent],
  ['completions', openai],
  ['chat-completions', openai],
  ['messages', anthropic],
  ['ollama-generate', ollama],
  ['ollama-chat', ollama],
  ['sd-work', picture],
  [
    'image-generations',
    nothing(({ data }) => listOf(data)?.map((each) => membersOf(each).b64_json), PICTURE_BYTES),
  ],
  ...['tts', 'speech', 'xtts-speech', 'vits-speech'].map((id) => [id, sound] as const),
  ...['kobold-embeddings', 'embeddings', 'short-embeddings', 'ollama-embeddings'].map(
    (id) => [id, embedding] as const,
  ),
])

/** No text at all, and at the end a failure: a text may be empty for other reasons, such as its length. */
function failedText(results: Results, reason: Reason): EmptyForm {
  return {
    maxBytes: JSON_BYTES,
    isEmpty: (bytes) => {
      const answers = answersIn(bytes)
      return (
        answers.every((answer) => holdsNothing(results(answer))) &&
        answers.some((answer) => reason(answer) === 'error')
      )
    },
  }
}

function nothing(results: Results, maxBytes: number): EmptyForm {
  return {
    maxBytes,
    isEmpty: (bytes) => {
      const answers = answersIn(bytes)
      return answers.length > 0 && answers.every((answer) => holdsNothing(results(answer)))
    },
  }
}

function holdsNothing(results: readonly unknown[] | undefined): boolean {
  return results !== undefined && results.length > 0 && results.every(isBlank)
}

function isBlank(value: unknown): boolean {
  return value === '' || (Array.isArray(value) && value.length === 0)
}

/** A whole text, or what an event adds to it; a model that only calls tools says null. */
function choiceText(choice: unknown): unknown {
  const { text, message, delta } = membersOf(choice)
  return text ?? membersOf(message ?? delta).content ?? ''
}

/** The objects of an event stream, of lines of JSON, or the one of a JSON text, which KoboldCpp writes on one line. */
function answersIn(bytes: Buffer): readonly Json[] {
  const lines = bytes.toString('utf8').split('\n')
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5))
  const texts = data.length > 0 ? data.filter((text) => text.trim() !== '[DONE]') : lines
  return texts.filter((text) => text.trim() !== '').map(objectIn)
}

/** What is no object has no results in it, so that it is not taken for nothing. */
function objectIn(text: string): Json {
  try {
    return membersOf(JSON.parse(text))
  } catch {
    return {} // cut off, or something else: it is the client's to judge
  }
}

function listOf(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined
}

function firstOf(value: unknown): Json {
  return membersOf(listOf(value)?.[0])
}

function membersOf(value: unknown): Json {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
