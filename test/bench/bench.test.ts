import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-test-'))
t.teardown(() => rmSync(folder, { recursive: true }))

const SHORT = {
  hop: ['--connections', '1', '--duration', '1', '--peers', 'stock'],
  stream: ['--streams', '2', '--events', '3', '--pace', '5', '--peers', 'splice'],
  upload: ['--mib', '1', '--peers', 'stock'],
  wake: [],
}

for (const [what, options] of Object.entries(SHORT)) {
  t.test(`npm run bench -- ${what} measures something`, async (t) => {
    const json = join(folder, `${what}.json`)
    const argv = ['--import', 'tsx', 'bench/main.ts', what, '--rounds', '1', '--json', json]
    const { stdout } = await run(process.execPath, [...argv, ...options])
    t.match(stdout, new RegExp(`^${what}: `, 'm'))
    const { results } = JSON.parse(readFileSync(json, 'utf8'))
    t.ok(results.length > 0)
    for (const { rows } of results) t.ok(rows.length > 0)
  })
}
