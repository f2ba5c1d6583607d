import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { watchFile } from '../../src/config/watch.js'
import { until } from '../helpers/until.js'

/** A file with somebody who counts its changes. */
function watched(t: Test, name = 'routes.json') {
  const folder = t.testdir({ [name]: '{}' })
  const file = join(folder, name)
  let calls = 0
  const close = watchFile(file, () => {
    calls += 1
  })
  t.teardown(close)
  return { folder, file, close, calls: () => calls }
}

const EDITS: [string, (file: string) => void][] = [
  ['written in place', (file) => writeFileSync(file, '{ }')],
  [
    'written in steps',
    (file) => {
      for (const part of ['{', ' ', '}']) appendFileSync(file, part)
    },
  ],
  [
    'replaced by another',
    (file) => {
      writeFileSync(`${file}.new`, '{ }')
      renameSync(`${file}.new`, file)
    },
  ],
  [
    'moved aside and written anew',
    (file) => {
      renameSync(file, `${file}~`)
      writeFileSync(file, '{ }')
    },
  ],
  [
    'removed and written anew',
    (file) => {
      rmSync(file)
      writeFileSync(file, '{ }')
    },
  ],
]

for (const [how, edit] of EDITS) {
  t.test(`a file that is ${how} is told of once, each time anew`, async (t) => {
    const { file, calls } = watched(t)
    for (const time of [1, 2]) {
      edit(file)
      await until('it is told', () => calls() >= time)
      t.equal(calls(), time)
    }
  })
}

t.test('many edits at once are one', async (t) => {
  const { file, calls } = watched(t)
  for (const [, edit] of EDITS) edit(file)
  await until('it is told', () => calls() >= 1)
  writeFileSync(file, 'the last')
  await until('it is told again', () => calls() >= 2)
  t.equal(calls(), 2)
})

t.test('what happens to its neighbours is not told', async (t) => {
  const { folder, file, calls } = watched(t)
  const neighbours = ['routes.json.swp', 'other.json', 'xroutes.json', 'routes']
  for (const name of neighbours) writeFileSync(join(folder, name), 'x')
  let others = 0
  t.teardown(watchFile(join(folder, 'routes'), () => (others += 1)))
  writeFileSync(join(folder, 'routes'), 'y')
  await until('its own watcher is told', () => others > 0)
  t.equal(calls(), 0)
  writeFileSync(file, '{ }')
  await until('it is told', () => calls() > 0)
  t.equal(calls(), 1)
})

t.test('a watch that was ended tells nothing more, though a change was on its way', async (t) => {
  const { file, close, calls } = watched(t)
  let others = 0
  t.teardown(watchFile(file, () => (others += 1)))
  writeFileSync(file, '{ }')
  close()
  writeFileSync(file, '{  }')
  await until('the other watcher is told', () => others > 0)
  close()
  t.equal(calls(), 0)
})
