import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Learned } from '../../src/memory/learned.js'

const fileOf = (t: Test) => join(t.testdir({}), 'state', 'memory.json')

/** Of a file with this text. */
function learnedFrom(t: Test, text: string): Learned {
  return new Learned(join(t.testdir({ 'memory.json': text }), 'memory.json'))
}

t.test('of what was never seen nothing is known', async (t) => {
  t.same(new Learned(fileOf(t)).of('abc'), { peaks: {}, startMs: 0 })
})

t.test('the most that was held on each device is kept', async (t) => {
  const learned = new Learned(fileOf(t))
  for (const bytes of [5, 9, 7]) learned.held('abc', 'gpu0', bytes)
  learned.held('abc', 'ram', 3)
  learned.held('other', 'gpu0', 99)
  t.same(learned.of('abc').peaks, { gpu0: 9, ram: 3 })
  await learned.close()
})

t.test('the time of a start is a mean in which the last one counts most', async (t) => {
  const learned = new Learned(fileOf(t))
  learned.started('abc', 1_000)
  t.equal(learned.of('abc').startMs, 1_000)
  learned.started('abc', 2_000)
  t.equal(learned.of('abc').startMs, 1_400)
  learned.held('abc', 'gpu0', 5)
  t.same(learned.of('abc'), { peaks: { gpu0: 5 }, startMs: 1_400 })
  await learned.close()
})

t.test('the next gateway knows it', async (t) => {
  const file = fileOf(t)
  const learned = new Learned(file)
  learned.held('abc', 'gpu0', 9)
  learned.started('abc', 700)
  await learned.close()
  t.same(new Learned(file).of('abc'), { peaks: { gpu0: 9 }, startMs: 700 })
  t.same(readdirSync(join(file, '..')), ['memory.json'], 'no draft is left')
})

t.test('nothing is written where nothing was learned', async (t) => {
  const file = fileOf(t)
  await new Learned(file).close()
  t.throws(() => readFileSync(file), { code: 'ENOENT' })
})

t.test('a file that is damaged is as good as none, and is replaced', async (t) => {
  for (const text of ['', '{"abc": {"peaks"', '[]', 'null', '7', '\u0000\u0001']) {
    const learned = learnedFrom(t, text)
    t.same(learned.of('abc').peaks, {}, JSON.stringify(text))
    await learned.close()
  }
  const file = join(t.testdir({ 'memory.json': '{"abc"' }), 'memory.json')
  const learned = new Learned(file)
  learned.started('abc', 5)
  await learned.close()
  t.same(JSON.parse(readFileSync(file, 'utf8')), { abc: { peaks: {}, startMs: 5 } })
})

t.test('what is no lesson is left out, and the others stay', async (t) => {
  const good = { peaks: { gpu0: 1 }, startMs: 2 }
  const text = JSON.stringify({
    ...{ good, none: null, word: 'x', number: 3, empty: {} },
    noTime: { peaks: {} },
    noPeaks: { startMs: 1 },
    wordy: { startMs: 1, peaks: { gpu0: '9' } },
    nothing: { startMs: 1, peaks: null },
  })
  const learned = learnedFrom(t, text)
  t.same(learned.of('good'), good)
  for (const name of ['none', 'word', 'number', 'empty', 'noTime', 'noPeaks', 'wordy', 'nothing']) {
    t.same(learned.of(name), { peaks: {}, startMs: 0 }, name)
  }
  await learned.close()
})

t.test('where nothing can be written it is only not remembered', async (t) => {
  const file = fileOf(t)
  mkdirSync(file, { recursive: true })
  const learned = new Learned(file)
  learned.started('abc', 5)
  await t.resolves(learned.close())
  t.equal(learned.of('abc').startMs, 5)
})

t.test('two hundred commands are kept, those that were seen last', async (t) => {
  const file = fileOf(t)
  const learned = new Learned(file)
  for (let i = 0; i < 200; i += 1) learned.started(`c${i}`, 1)
  learned.held('c0', 'gpu0', 9)
  learned.started('new', 1)
  t.equal(learned.of('c1').startMs, 0, 'the oldest is forgotten')
  t.equal(learned.of('c0').startMs, 1, 'which was seen again since')
  await learned.close()
  t.equal(Object.keys(JSON.parse(readFileSync(file, 'utf8'))).length, 200)
})

t.test('also of a file that holds more, no more are kept', async (t) => {
  const lesson = { peaks: {}, startMs: 1 }
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`c${i}`, lesson]))
  const file = join(t.testdir({ 'memory.json': '' }), 'memory.json')
  writeFileSync(file, JSON.stringify(many))
  const learned = new Learned(file)
  learned.started('new', 1)
  await learned.close()
  const kept = Object.keys(JSON.parse(readFileSync(file, 'utf8')))
  t.same([kept.length, kept[0], kept.at(-1)], [200, 'c101', 'new'])
})
