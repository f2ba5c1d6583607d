import type { KnownBackend } from './facts.js'
import { numberOf, objectOf } from './read.js'

/**
 * For a text backend that has never run and whose arguments do not say. Few models have less, and a client that
 * believes in more than there is has its prompts cut or refused; KoboldCpp's own default of 12288 is also what an
 * instance without a text model answers.
 */
const UNKNOWN_CONTEXT = 4096
/** KoboldCpp 1.116's. */
const UNKNOWN_REPLY = 1024

/** How KoboldCpp and llama.cpp are told of their context. */
const CONTEXT_OPTIONS: ReadonlySet<string> = new Set(['--contextsize', '--ctx-size', '-c'])

/** How many tokens the model takes in, in truth. */
export function trueContext(text: KnownBackend | undefined): number {
  return (
    numberOf(text?.said('/api/extra/true_max_context_length'), 'value') ??
    contextInProps(text?.said('/props')) ??
    contextInArguments(text) ??
    UNKNOWN_CONTEXT
  )
}

/** How many of them a client is advised to use. */
export function advisedContext(text: KnownBackend | undefined): number {
  return numberOf(text?.said('/api/v1/config/max_context_length'), 'value') ?? trueContext(text)
}

/** How many tokens a reply may have. */
export function replyLength(text: KnownBackend | undefined): number {
  const said = numberOf(text?.said('/api/v1/config/max_length'), 'value')
  return said ?? Math.min(UNKNOWN_REPLY, trueContext(text))
}

function contextInProps(props: unknown): number | undefined {
  const inSettings = numberOf(objectOf(props).default_generation_settings, 'n_ctx')
  return positive(inSettings) ?? positive(numberOf(props, 'n_ctx'))
}

function contextInArguments(text: KnownBackend | undefined): number | undefined {
  const launcher = text?.config.launcher
  if (launcher?.kind !== 'process') return undefined
  const words = launcher.args.flatMap((arg) => arg.split('='))
  const at = words.findIndex((word) => CONTEXT_OPTIONS.has(word))
  return at < 0 ? undefined : positive(Number(words[at + 1]))
}

function positive(number: number | undefined): number | undefined {
  return number !== undefined && number > 0 ? number : undefined
}
