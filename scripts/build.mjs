// Builds dist/: TypeScript 7 compiles src, then the data files of the sample backend are copied beside it.
// A folder without src (an installed package) is already built, so there is nothing to do there.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, rmSync } from 'node:fs'

if (existsSync('src')) {
  rmSync('dist', { recursive: true, force: true })
  const tsc = ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.build.json']
  const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
  if (existsSync('src/sample/data'))
    cpSync('src/sample/data', 'dist/sample/data', { recursive: true })
}
