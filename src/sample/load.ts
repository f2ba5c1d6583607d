import { forever } from './misbehave.js'
import type { ModelKind, SampleOptions } from './options.js'
import { pause } from './pause.js'

const LABELS: Readonly<Record<ModelKind, string>> = {
  text: 'Text Model',
  image: 'Image Model',
  transcribe: 'Whisper Model',
  speech: 'TTS Model',
  embeddings: 'Embeddings Model',
}

/** Plays the load of the models, with an engine's lines on stdout and the misdeeds of loading; resolves when done. */
export async function playLoad(options: SampleOptions): Promise<void> {
  const { models, name, loadTimeMs, misdeeds } = options
  print('***\nGatehouse sample backend, with the manners of KoboldCpp')
  if (misdeeds.spamOutputBytes > 0) print('.'.repeat(misdeeds.spamOutputBytes - 1))
  if (models.size === 0) await pause(loadTimeMs)
  for (const kind of models) {
    print(`Loading ${LABELS[kind]}: ${name}`)
    await pause(loadTimeMs / models.size)
    print(`Load ${LABELS[kind]} OK: True`)
  }
  if (misdeeds.neverReady) await stayLoading()
}

/** Prints a line of an engine's log. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function stayLoading(): Promise<never> {
  // A promise alone would let the process end.
  setInterval(() => undefined, 60_000)
  return await forever()
}
