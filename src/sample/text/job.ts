import { chooseSeed } from '../random.js'

/** The members of a JSON request. */
export type JsonBody = Readonly<Record<string, unknown>>

/** What a text request asks for, whichever dialect it came in. */
export interface TextJob {
  readonly prompt: string
  readonly maxTokens: number
  readonly stops: readonly string[]
  readonly seed: number
  readonly genkey: string
}

const DEFAULT_TOKENS = 60
const MAX_TOKENS = 2048

const LENGTH_NAMES = ['max_length', 'max_tokens', 'max_completion_tokens', 'max_output_tokens']
const STOP_NAMES = ['stop_sequence', 'stop', 'stop_sequences']

/** Reads the wishes that all dialects share, each under any of its names, Ollama's `options` included. */
export function readJob(body: JsonBody, prompt: string): TextJob {
  const wishes: JsonBody = { ...body, ...objectOf(body.options) }
  return {
    prompt,
    maxTokens: tokenLimit([...LENGTH_NAMES, 'num_predict'].map((name) => wishes[name])),
    stops: STOP_NAMES.flatMap((name) => wishes[name]).filter(isString),
    seed: chooseSeed(wishes.sampler_seed ?? wishes.seed),
    genkey: textOf(body.genkey),
  }
}

/** Joins the texts of a list of messages, whose contents are strings or lists of parts. */
export function promptOfMessages(messages: unknown): string {
  if (!Array.isArray(messages)) return textOf(messages)
  return messages.map((message) => contentText(objectOf(message).content)).join('\n')
}

/** Returns a value that is an object, and an empty one for anything else. */
export function objectOf(value: unknown): JsonBody {
  return isObject(value) ? value : {}
}

/** Returns a value that is a string, and an empty one for anything else. */
export function textOf(value: unknown): string {
  return isString(value) ? value : ''
}

function contentText(content: unknown): string {
  if (!Array.isArray(content)) return textOf(content)
  return content.map((part) => textOf(objectOf(part).text)).join(' ')
}

function tokenLimit(values: readonly unknown[]): number {
  const asked = values.find((value) => typeof value === 'number' && value > 0)
  return typeof asked === 'number' ? Math.min(Math.ceil(asked), MAX_TOKENS) : DEFAULT_TOKENS
}

function isObject(value: unknown): value is JsonBody {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}
