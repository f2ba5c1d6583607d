import type { KnownBackend } from './facts.js'
import { trueContext } from './lengths.js'
import { fileName, withoutPaths } from './paths.js'
import { type JsonObject, objectOf, textOf } from './read.js'
import { sensesOf } from './version.js'

/**
 * `/props` of the text backend: what it says now, else what it said last, else what is known of it. `chat_template`
 * is always a text, because SillyTavern takes nothing else; `role` would make llama.cpp's page look for a router.
 */
export function props(text: KnownBackend | undefined, live?: unknown): JsonObject {
  const said = objectOf(withoutTemplate(live ?? text?.said('/props')))
  const { role: _role, ...others } = said
  const context = trueContext(text)
  return {
    id: 0,
    id_task: -1,
    total_slots: 1,
    n_ctx: context,
    default_generation_settings: { n_ctx: context },
    modalities: sensesOf(text),
    ...others,
    chat_template: textOf(live ?? text?.said('/props'), 'chat_template') ?? '',
    model_path: fileName(textOf(said, 'model_path') ?? text?.config.name ?? ''),
  }
}

/** A template is no path, even where it begins like one. */
function withoutTemplate(said: unknown): unknown {
  const { chat_template: _template, ...others } = objectOf(said)
  return withoutPaths(others)
}
