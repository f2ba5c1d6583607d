/** A text with `*` for any run of characters, taken apart once. */
export interface Glob {
  readonly head: string
  readonly middles: readonly string[]
  /** undefined: there was no star, so `head` is the whole text. */
  readonly tail: string | undefined
}

/** Takes a glob apart; every other character stands for itself, case included. */
export function parseGlob(text: string): Glob {
  const [head = '', ...rest] = text.split('*')
  const tail = rest.pop()
  return { head, middles: rest.filter((part) => part !== ''), tail }
}

/** Does the glob match all of the text? One pass from left to right, no backtracking. */
export function matchesGlob({ head, middles, tail }: Glob, text: string): boolean {
  if (tail === undefined) return text === head
  if (!text.startsWith(head)) return false
  let at = head.length
  for (const middle of middles) {
    const found = text.indexOf(middle, at)
    if (found === -1) return false
    at = found + middle.length
  }
  return text.length - at >= tail.length && text.endsWith(tail)
}
