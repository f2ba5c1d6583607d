/** Hashes a text to an unsigned 32-bit number, the same on every machine (FNV-1a). */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/** Returns a source of numbers in [0, 1) that depends on nothing but the seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Takes the seed a client asked for, or draws one where it asked for none (absent, or below zero). */
export function chooseSeed(asked: unknown): number {
  if (typeof asked === 'number' && asked >= 0) return Math.floor(asked) % 2 ** 32
  return Math.floor(Math.random() * 1_000_000)
}
