import { createRandom, hashText } from '../random.js'

/** Red, green and blue, each 0 to 255. */
export type Colour = readonly [number, number, number]

const NAMED: Readonly<Record<string, Colour>> = {
  red: [214, 40, 40],
  crimson: [165, 12, 48],
  pink: [244, 151, 182],
  orange: [243, 128, 33],
  gold: [229, 178, 42],
  golden: [229, 178, 42],
  yellow: [250, 219, 60],
  green: [48, 150, 72],
  emerald: [20, 130, 100],
  teal: [16, 128, 128],
  turquoise: [64, 200, 190],
  cyan: [60, 200, 225],
  blue: [38, 84, 204],
  navy: [18, 32, 96],
  indigo: [62, 28, 130],
  purple: [120, 50, 160],
  violet: [140, 80, 210],
  brown: [120, 76, 44],
  black: [16, 16, 20],
  grey: [128, 130, 134],
  gray: [128, 130, 134],
  silver: [190, 194, 200],
  white: [246, 246, 242],
  sunset: [240, 110, 60],
  sea: [26, 92, 140],
  ocean: [20, 80, 130],
  sky: [120, 180, 235],
  forest: [34, 86, 46],
  fire: [226, 74, 20],
  night: [14, 18, 46],
}

/** Returns the colours that a prompt names, in its order; one is joined by its own shade, none by colours of its hash. */
export function paletteFor(prompt: string): readonly Colour[] {
  const words = prompt.toLowerCase().match(/[a-z]+/g) ?? []
  const named = words.map((word) => NAMED[word]).filter((colour) => colour !== undefined)
  const [only, second] = named
  if (only === undefined) return hashedPalette(prompt)
  return second === undefined ? [only, shade(only)] : named
}

function shade([red, green, blue]: Colour): Colour {
  return [red * 0.6, green * 0.6, blue * 0.6]
}

function hashedPalette(prompt: string): readonly Colour[] {
  const random = createRandom(hashText(prompt))
  const channel = () => 30 + random() * 210
  return Array.from({ length: 3 }, () => [channel(), channel(), channel()])
}
