import { readFileSync } from 'node:fs'

/** The text under a heading, up to the next heading of any level. */
export function sectionOf(file: string, heading: string): string {
  const text = readFileSync(file, 'utf8')
  const start = text.indexOf(`\n${heading}\n`)
  if (start === -1) throw new Error(`${file} has no heading ${heading}`)
  const rest = text.slice(start + heading.length + 2)
  const end = rest.search(/^#{1,6} /m)
  return end === -1 ? rest : rest.slice(0, end)
}

/** The cells of the first table in a text, without its head. */
export function tableOf(text: string): string[][] {
  const lines = text.split('\n')
  const first = lines.findIndex((line) => line.startsWith('| --- '))
  const rows: string[][] = []
  for (const line of lines.slice(first + 1)) {
    if (!line.startsWith('|')) break
    rows.push(
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
  }
  return rows
}

/** What stands between backticks. */
export function codesOf(text: string | undefined): string[] {
  return [...(text ?? '').matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '')
}

/** The code blocks in this language. */
export function blocksOf(text: string, language: string): string[] {
  const blocks = text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))
  return [...blocks].map(([, code]) => code ?? '')
}
