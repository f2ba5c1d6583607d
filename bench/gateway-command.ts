import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('../', import.meta.url)
const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
const [, ...words] = String(scripts.start).split(' ')

/** What `npm start` gives to Node, in any folder: its options, then the built program. */
export const GATEWAY_ARGV: readonly string[] = words.map((word) =>
  word.startsWith('-') ? word : fileURLToPath(new URL(word, root)),
)
