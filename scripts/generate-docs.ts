// Writes src/config/schema.json, docs/routes.schema.json and docs/configuration.md from src/config/schema.ts; with --check it only says whether they are stale.
import { readFileSync, writeFileSync } from 'node:fs'
import { renderConfiguration, renderOwnSchema, renderSchema } from './render-docs.js'

const SCHEMA = new URL('../docs/routes.schema.json', import.meta.url)
const OWN_SCHEMA = new URL('../src/config/schema.json', import.meta.url)
const CONFIGURATION = new URL('../docs/configuration.md', import.meta.url)

const files = [
  { url: OWN_SCHEMA, text: renderOwnSchema() },
  { url: SCHEMA, text: renderSchema() },
  { url: CONFIGURATION, text: renderConfiguration(contentOf(CONFIGURATION)) },
]
const stale = files.filter(({ url, text }) => contentOf(url) !== text)

if (process.argv.includes('--check')) {
  for (const { url } of stale) console.error(`${url.pathname} is stale: run npm run docs`)
  process.exitCode = stale.length > 0 ? 1 : 0
} else {
  for (const { url, text } of stale) writeFileSync(url, text)
}

/** Empty for a file that is not there yet. */
function contentOf(url: URL): string {
  try {
    return readFileSync(url, 'utf8')
  } catch {
    return ''
  }
}
