import { chooseSeed, hashText } from '../random.js'
import type { JsonBody } from '../text/job.js'
import { textOf } from '../text/job.js'
import { paint } from './paint.js'
import { paletteFor } from './palette.js'
import { encodePng } from './png.js'

/** A picture that is done, and the seed it was made from. */
export interface Drawing {
  readonly png: Buffer
  readonly seed: number
  readonly width: number
  readonly height: number
}

/** Draws what an A1111 or OpenAI image request asks for; a first image of its own changes the waves. */
export function draw(body: JsonBody): Drawing {
  const prompt = textOf(body.prompt)
  const seed = chooseSeed(body.seed)
  const [width, height] = sizeOf(body)
  const start = Array.isArray(body.init_images) ? textOf(body.init_images[0]) : ''
  const waves = hashText(prompt) ^ hashText(start) ^ seed
  const picture = paint({ width, height, palette: paletteFor(prompt), seed: waves })
  const parameters = `${prompt}\nSeed: ${seed}, Size: ${width}x${height}, Model: sample`
  return { png: encodePng(picture, parameters), seed, width, height }
}

function sizeOf(body: JsonBody): [number, number] {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(textOf(body.size)) ?? []
  return [cut(width ?? body.width), cut(height ?? body.height)]
}

/** Sizes are cut to multiples of 64 from 64 to 1024, as KoboldCpp's are. */
function cut(size: unknown): number {
  const pixels = Number(size) || 512
  return Math.min(1024, Math.max(64, Math.floor(pixels / 64) * 64))
}
