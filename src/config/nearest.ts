/** The word that `text` was probably meant to be; undefined if none is near. */
export function nearest(text: string, words: Iterable<string>): string | undefined {
  const limit = text.length < 4 ? 1 : Math.max(2, Math.floor(text.length / 3))
  const ranked = [...words]
    .map((word) => ({ word, distance: editDistance(text.toLowerCase(), word.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best && best.distance <= limit ? best.word : undefined
}

/** `did you mean "word"?`, if a word is near. */
export function suggestion(text: string, words: Iterable<string>): string | undefined {
  const word = nearest(text, words)
  return word === undefined ? undefined : `did you mean ${JSON.stringify(word)}?`
}

/** How many letters to insert, drop or replace to make `b` of `a` (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1]
    for (let column = 1; column <= b.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (letter === b[column - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
