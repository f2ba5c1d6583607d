import { runTogether } from './together.js'

await runTogether(0)
