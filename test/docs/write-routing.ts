import { readFileSync, writeFileSync } from 'node:fs'
import { renderRouting } from './routing-table.js'

const file = 'docs/routing.md'
writeFileSync(file, renderRouting(readFileSync(file, 'utf8')))
