import { createRandom } from '../random.js'
import type { Colour } from './palette.js'
import type { Picture } from './png.js'

const SHADES = 256

/** What to paint: the size in pixels, the colours to run through, and the seed of the waves. */
export interface Brief {
  readonly width: number
  readonly height: number
  readonly palette: readonly Colour[]
  readonly seed: number
}

/** Paints smooth waves that run through the palette; the same brief gives the same picture. */
export function paint({ width, height, palette, seed }: Brief): Picture {
  const random = createRandom(seed)
  // Fast enough for every picture to run through the whole palette.
  const wave = () => (4 + random() * 8) * (random() < 0.5 ? -1 : 1)
  const [acrossX, acrossY, bendX, bendY, phase] = [wave(), wave(), wave(), wave(), wave()]
  const shades = shadesOf(palette)
  const rgb = Buffer.alloc(width * height * 3)
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [u, v] = [x / width, y / height]
      const bend = Math.sin(bendX * u + bendY * v)
      const level = 0.5 + 0.5 * Math.sin(acrossX * u + acrossY * v + phase + 1.5 * bend)
      const shade = Math.round(level * (SHADES - 1))
      shades.copy(rgb, (y * width + x) * 3, shade * 3, shade * 3 + 3)
    }
  }
  return { width, height, rgb }
}

/** Spreads the palette over a table of shades, three bytes each. */
function shadesOf(palette: readonly Colour[]): Buffer {
  const table = Buffer.alloc(SHADES * 3)
  for (let shade = 0; shade < SHADES; shade += 1) {
    const place = (shade / (SHADES - 1)) * (palette.length - 1)
    const from = palette[Math.floor(place)] ?? [0, 0, 0]
    const to = palette[Math.ceil(place)] ?? from
    table.set(mix({ from, to, share: place % 1 }), shade * 3)
  }
  return table
}

function mix({ from, to, share }: { from: Colour; to: Colour; share: number }): Colour {
  const channel = (index: 0 | 1 | 2) => from[index] + (to[index] - from[index]) * share
  return [channel(0), channel(1), channel(2)]
}
