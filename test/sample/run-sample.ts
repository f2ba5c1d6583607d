import { runSampleBackend } from '../../src/sample/main.js'

await runSampleBackend(process.argv.slice(2))
