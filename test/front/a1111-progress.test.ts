import t from 'tap'
import { progressOf } from '../../src/front/progress.js'
import { PictureTimes } from '../../src/front/progress-times.js'

const WAITS = { lease: undefined }
const drawsSince = (grantedAt: number) => ({ lease: { grantedAt } })
const facts = { jobs: [], state: 'ready', usualMs: 1_000, now: 5_000 } as const

t.test('nothing under way is idle, as SillyTavern waits for', async (t) => {
  t.match(progressOf(facts), { progress: 0, eta_relative: 0, state: { job_count: 0, job: '' } })
  t.equal(progressOf(facts).textinfo, null)
})

t.test('a picture is as far as its time is of what pictures usually take', async (t) => {
  const told = progressOf({ ...facts, jobs: [drawsSince(4_750), WAITS] })
  t.match(told, { progress: 0.25, state: { job_count: 2, sampling_step: 25, job: 'drawing' } })
  t.equal(told.eta_relative, 1.8, 'seconds, for both')
  t.match(told.textinfo, /1 in line/)
})

t.test('a picture that takes longer than usual is never told as done', async (t) => {
  const told = progressOf({ ...facts, jobs: [drawsSince(0)] })
  t.match(told, { progress: 0.99, eta_relative: 0 })
})

t.test(
  'who waits for a start is told so, and nothing is made up before a first picture',
  async (t) => {
    const told = progressOf({ ...facts, jobs: [WAITS], state: 'starting', usualMs: undefined })
    t.match(told, { progress: 0, eta_relative: 0, state: { job: 'starting', job_count: 1 } })
  },
)

t.test('the usual time is the median of the last pictures that were whole', async (t) => {
  const times = new PictureTimes()
  const report = {
    ...{ backend: 'art', path: '/sdapi/v1/txt2img', outcome: 'ok' },
    ...{ firstByteMs: 900, queueWaitMs: 300, startWaitMs: 500 },
  }
  t.equal(times.usualMs('art'), undefined)
  times.exchanged(report)
  t.equal(times.usualMs('art'), 100, 'without its waiting')
  times.exchanged({ ...report, outcome: 'client_gone', firstByteMs: 90_000 })
  times.exchanged({ ...report, path: '/sdapi/v1/upscale', firstByteMs: 90_000 })
  times.exchanged({ ...report, firstByteMs: undefined })
  t.equal(times.usualMs('art'), 100)
  for (let i = 0; i < 9; i += 1) times.took('art', 400)
  t.equal(times.usualMs('art'), 400)
  t.equal(times.usualMs('other'), undefined)
})
