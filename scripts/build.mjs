// Builds dist/: TypeScript 7 compiles src, then the data files are copied beside it. The new
// dist takes the place of the old one when it is whole, so that a build that fails breaks nothing.
// A folder without src (an installed package) is already built, so there is nothing to do there.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs'

const DRAFT = `dist.${process.pid}`

if (existsSync('src')) {
  const tsc = [
    'node_modules/typescript/bin/tsc',
    '--project',
    'tsconfig.build.json',
    '--outDir',
    DRAFT,
  ]
  const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' })
  if (status === 0) {
    cpSync('src/sample/data', `${DRAFT}/sample/data`, { recursive: true })
    cpSync('src/config/schema.json', `${DRAFT}/config/schema.json`)
    rmSync('dist', { recursive: true, force: true })
    renameSync(DRAFT, 'dist')
  } else {
    rmSync(DRAFT, { recursive: true, force: true })
    process.exitCode = status ?? 1
  }
}
