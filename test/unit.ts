// Runs all tests that need no process of their own in one: starting Node, tap and tsx anew for each file takes a
// second of a core. Those that start programs, or bend the clock, run by themselves (package.json, "test").
import { readdirSync } from 'node:fs'

const TOGETHER =
  'config routing lanes dialects launchers memory backends proxy metrics admin cli docs sample front docker socket-proxy .'.split(
    ' ',
  )
const BY_THEMSELVES = [
  'backends/crash.test.ts',
  'docs/readme.test.ts',
  'launchers/contract.test.ts',
  'launchers/process-start.test.ts',
  'launchers/process-stop.test.ts',
  'memory/nvidia-smi.test.ts',
  'memory/process-tree.test.ts',
  'memory/settle.test.ts',
  'sample/process.test.ts',
]

for (const folder of TOGETHER) {
  const names = readdirSync(new URL(`${folder}/`, import.meta.url))
  for (const name of names.filter((file) => file.endsWith('.test.ts'))) {
    const file = `${folder}/${name}`
    if (!BY_THEMSELVES.includes(file)) await import(new URL(file, import.meta.url).href)
  }
}
