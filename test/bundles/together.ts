import { readdirSync } from 'node:fs'
import t from 'tap'

/** Those that start whole gateways, block the event loop, count what a process holds, or drive a browser. */
const BY_THEMSELVES = new Set(
  'browser command-line fuzz lifecycle limits one-koboldcpp reload replays shutdown soak'
    .split(' ')
    .map((name) => `${name}.test.ts`),
)
const BUNDLES = 3

/**
 * Runs every third file of test/e2e in this process, from the one with this number on: starting Node, tap and tsx
 * anew for each takes two seconds of a core.
 */
export async function runTogether(bundle: number): Promise<void> {
  const names = readdirSync(new URL('../e2e/', import.meta.url))
  const files = names.filter((name) => name.endsWith('.test.ts') && !BY_THEMSELVES.has(name))
  const those = files.sort().filter((_name, at) => at % BUNDLES === bundle)
  for (const file of those) await import(new URL(`../e2e/${file}`, import.meta.url).href)
  t.jobs = 3
}
