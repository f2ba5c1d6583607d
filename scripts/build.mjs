// Builds dist/: a few files with all that they import, because reading 800 modules one by one took half of a start.
// What starts rarely (the sample backend, the commands that only show something) stays in files of its own. The new
// dist takes the place of the old one when it is whole, so that a build that fails breaks nothing.
// A folder without src (an installed package) is already built, so there is nothing to do there.
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'

const DRAFT = `dist.${process.pid}`

if (existsSync('src')) {
  const { build } = await import('esbuild')
  try {
    await build({
      entryPoints: { main: 'src/main.ts', 'sample/main': 'src/sample/main.ts' },
      outdir: DRAFT,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      external: ['dockerode'], // it is loaded where a backend is a container, and has parts that are compiled
      target: 'node20',
      mainFields: ['module', 'main'],
      // Packages that are not modules yet ask Node for its own parts.
      banner: {
        js: "import { createRequire as requireOf } from 'node:module'\nconst require = requireOf(import.meta.url)",
      },
      legalComments: 'external',
      logLevel: 'warning',
      plugins: [{ name: 'finished-validator', setup: finishValidator }],
    })
    cpSync('src/sample/data', `${DRAFT}/sample/data`, { recursive: true })
    rmSync('dist', { recursive: true, force: true })
    renameSync(DRAFT, 'dist')
  } finally {
    rmSync(DRAFT, { recursive: true, force: true })
  }
}

/** The check of routes.json as finished code: making it from the schema took a quarter of a start. */
function finishValidator({ onLoad }) {
  onLoad({ filter: /[\\/]src[\\/]config[\\/]validator\.ts$/ }, async ({ path }) => {
    const { tsImport } = await import('tsx/esm/api')
    const { _ } = await import('ajv')
    const { default: standalone } = await import('ajv/dist/standalone/index.js')
    const { createAjv, readSchema } = await tsImport(path, import.meta.url)
    const ajv = createAjv({ source: true, esm: true, formats: _`require("./formats.js").FORMATS` })
    const code = standalone.default(ajv, ajv.compile(readSchema()))
    const contents = `${code}\nexport { validate as isSettings }`
    return { contents, loader: 'js', resolveDir: resolve('src/config') }
  })
}
