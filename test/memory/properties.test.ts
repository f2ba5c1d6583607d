import { once } from 'node:events'
import process from 'node:process'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import type { Played } from '../helpers/memory-plays.js'

const runs = Number(process.env.GATEHOUSE_MEMORY_RUNS ?? 1_800)

const file = new URL('../helpers/memory-plays.ts', import.meta.url).href
/** tsx reads TypeScript in a thread only if it is asked to there. */
const PLAY = `
const { workerData: { file } } = require('node:worker_threads')
import('tsx/esm/api').then(({ tsImport }) => tsImport(file, file))
`

/** What is promised is in test/helpers/memory-world.ts, #checkWait and wherever it notes a fault. */
t.test(
  'whoever asks and whatever fails: nothing overflows, nobody starves, nothing is left',
  async (t) => {
    const worker = new Worker(PLAY, { eval: true, workerData: { runs, file } })
    const [played]: Played[] = await once(worker, 'message')
    await once(worker, 'exit')
    t.equal(played?.fault, '')
    t.ok(
      (played?.evictions ?? 0) > runs,
      `${played?.grants} grants, ${played?.evictions} evictions`,
    )
  },
)
