import { PARAGRAPH, tokenize } from './tokens.js'

/** A chain of words: which tokens followed each token, and each pair of tokens, in the text it was built from. */
export class MarkovChain {
  readonly #afterOne = new Map<string, string[]>()
  readonly #afterTwo = new Map<string, string[]>()

  constructor(corpus: string) {
    // Quotation marks and brackets would seldom be closed again by a chain.
    const tokens = [PARAGRAPH, ...tokenize(corpus.replace(/["()]/g, '')), PARAGRAPH]
    for (const [index, token] of tokens.entries()) {
      const [one, two] = [tokens[index - 1], tokens[index - 2]]
      if (one === undefined) continue
      follow(this.#afterOne, one.toLowerCase(), token)
      if (two !== undefined) follow(this.#afterTwo, pairKey(two, one), token)
    }
  }

  /** Picks what comes after the last two tokens; where the chain never saw them, what begins a paragraph. */
  next(history: readonly string[], random: () => number): string {
    const one = history.at(-1) ?? PARAGRAPH
    const two = history.at(-2) ?? PARAGRAPH
    const choices =
      this.#afterTwo.get(pairKey(two, one)) ??
      this.#afterOne.get(one.toLowerCase()) ??
      this.#afterOne.get(PARAGRAPH) ??
      []
    return choices[Math.floor(random() * choices.length)] ?? PARAGRAPH
  }

  /** Returns the tokens to go on from: the end of the prompt, cut after its last word that the chain knows. */
  startFrom(prompt: string): string[] {
    const tokens = tokenize(prompt)
    const last = tokens.findLastIndex((token) => this.#knowsWord(token))
    return last < 0 ? [PARAGRAPH] : tokens.slice(Math.max(0, last - 1), last + 1)
  }

  #knowsWord(token: string): boolean {
    return /^\p{L}/u.test(token) && this.#afterOne.has(token.toLowerCase())
  }
}

function pairKey(two: string, one: string): string {
  return `${two} ${one}`.toLowerCase()
}

function follow(table: Map<string, string[]>, key: string, token: string): void {
  const followers = table.get(key)
  if (followers) followers.push(token)
  else table.set(key, [token])
}
