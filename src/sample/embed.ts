import { createRandom, hashText } from './random.js'

const DIMENSIONS = 384

/** Embeds a text as a unit vector of its hashed words, so that texts which share words lie near each other. */
export function embed(text: string): number[] {
  const vector = new Array<number>(DIMENSIONS).fill(0)
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ['']) {
    const random = createRandom(hashText(word))
    for (const [index, value] of vector.entries()) vector[index] = value + random() - 0.5
  }
  const length = Math.hypot(...vector)
  return vector.map((value) => Number((value / length).toFixed(6)))
}
