import { hashText } from '../random.js'

/** The token that stands for the end of a paragraph. */
export const PARAGRAPH = '\n\n'

const TOKEN = /\n\s*\n|[\p{L}\p{N}]+(?:['-][\p{L}\p{N}]+)*|--|[^\s\p{L}\p{N}]/gu

/** Cuts a text into words, marks and paragraph ends. */
export function tokenize(text: string): string[] {
  const tokens = text.match(TOKEN) ?? []
  return tokens.map((token) => (token.startsWith('\n') ? PARAGRAPH : token))
}

/** A number for each token, the same for the same token. */
export function tokenIds(text: string): number[] {
  return tokenize(text).map((token) => hashText(token) % 32_000)
}

/** Returns a token as it appears in running text: a word brings the blank before it, unless it opens the text. */
export function spell(token: string, before: string | undefined): string {
  const isWord = /^[\p{L}\p{N}(]/u.test(token)
  const isGlued = before === PARAGRAPH || before === '(' || before === '--'
  return isWord && !isGlued ? ` ${token}` : token
}
