import { hashText } from '../random.js'
import { encodeWav } from './wav.js'

const SAMPLE_RATE = 24_000
const TONE_SECONDS = 0.22
const GAP_SECONDS = 0.06
const MAX_WORDS = 200

/** Speaks a text as a WAVE file: a tone for each word, the same for the same word, longer words deeper. */
export function speak(text: string): Buffer {
  const words = (text.match(/\S+/g) ?? []).slice(0, MAX_WORDS)
  const step = Math.round((TONE_SECONDS + GAP_SECONDS) * SAMPLE_RATE)
  const samples = new Float64Array(words.length * step)
  for (const [index, word] of words.entries()) samples.set(tone(word), index * step)
  return encodeWav({ sampleRate: SAMPLE_RATE, channels: 1, samples })
}

function tone(word: string): Float64Array {
  const pitch = 480 / Math.sqrt(word.length) + (hashText(word.toLowerCase()) % 200)
  const length = Math.round(TONE_SECONDS * SAMPLE_RATE)
  return Float64Array.from({ length }, (_, index) => {
    const swell = Math.sin((Math.PI * index) / length)
    return 0.4 * swell * Math.sin((2 * Math.PI * pitch * index) / SAMPLE_RATE)
  })
}
