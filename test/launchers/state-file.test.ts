import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { StateFile } from '../../src/launchers/state-file.js'

const TEXT = { pid: 4711, identity: 'boot 1', command: 'abc', port: 5001 }
const IMAGE = { pid: 4712, identity: 'boot 2', command: 'def', port: 0 }
const GATEWAY = { pid: 99, identity: 'boot 3' }

function stateFile(t: Test) {
  const file = join(t.testdir({}), 'state', 'backends.json')
  return { file, state: new StateFile(file), again: () => new StateFile(file) }
}

t.test('what was put is there after the gateway is gone, until it is removed', (t) => {
  const { state, again } = stateFile(t)
  state.claim(GATEWAY)
  state.put('text', TEXT)
  state.put('image', IMAGE)
  t.strictSame(again().names(), ['text', 'image'])
  t.strictSame([again().get('text'), again().get('image')], [TEXT, IMAGE])
  t.strictSame(again().gateway, GATEWAY)
  state.remove('text', TEXT.pid)
  for (const seen of [state, again()]) {
    t.strictSame(seen.names(), ['image'])
    t.equal(seen.get('text'), undefined)
    t.strictSame(seen.gateway, GATEWAY)
  }
  t.end()
})

t.test('a later process takes the place of the one before it', (t) => {
  const { state, again } = stateFile(t)
  state.put('text', TEXT)
  state.put('text', { ...TEXT, pid: 4713 })
  t.equal(again().get('text')?.pid, 4713)
  t.strictSame(again().names(), ['text'])
  t.end()
})

t.test('who forgets a process does not forget the one that took its name', (t) => {
  const { state, again } = stateFile(t)
  state.put('text', TEXT)
  state.remove('text', 4713)
  state.remove('nobody', TEXT.pid)
  t.strictSame([state.get('text'), again().get('text')], [TEXT, TEXT])
  t.end()
})

t.test('a gateway that claims the file is its keeper, and the processes stay', (t) => {
  const { state, again } = stateFile(t)
  state.put('text', TEXT)
  t.equal(state.gateway, undefined)
  state.claim({ pid: 1, identity: 'before' })
  state.claim(GATEWAY)
  t.strictSame(again().gateway, GATEWAY)
  t.strictSame(again().get('text'), TEXT)
  t.end()
})

t.test('whoever has the file open reads all of one state, never half of the next', (t) => {
  const { file, state } = stateFile(t)
  state.put('text', TEXT)
  const before = openSync(file, 'r')
  t.teardown(() => closeSync(before))
  state.put('image', IMAGE)
  t.strictSame(JSON.parse(readFileSync(before, 'utf8')), { backends: { text: TEXT } })
  t.strictSame(JSON.parse(readFileSync(file, 'utf8')), { backends: { text: TEXT, image: IMAGE } })
  t.end()
})

t.test('a state that cannot be written leaves the one before it whole', (t) => {
  const { file, state, again } = stateFile(t)
  state.put('text', TEXT)
  mkdirSync(`${file}.new`)
  t.throws(() => state.put('image', IMAGE))
  t.strictSame(again().names(), ['text'])
  rmSync(`${file}.new`, { recursive: true })
  state.remove('nobody', 1)
  state.put('speech', IMAGE)
  t.strictSame(again().get('text'), TEXT)
  t.end()
})

t.test('a draft that a gateway died over is neither read nor in the way', (t) => {
  const { file, state, again } = stateFile(t)
  state.put('text', TEXT)
  writeFileSync(`${file}.new`, '{"backends": {"image": {"pi')
  t.strictSame(again().names(), ['text'])
  again().put('image', IMAGE)
  t.strictSame(again().names(), ['text', 'image'])
  t.notOk(existsSync(`${file}.new`), 'no draft is left')
  t.end()
})

t.test('only its owner reads it', (t) => {
  const { file, state } = stateFile(t)
  state.put('text', TEXT)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(statSync(join(file, '..')).mode & 0o777, 0o700)
  t.end()
})

t.test('a file that is missing, damaged or of another kind says nothing', (t) => {
  const record = (changes: object) => ({ backends: { text: { ...TEXT, ...changes } } })
  const texts = [
    ...['', '{', 'null', '5', '"x"', '[]', '{}', '\u0000\u0000', '{"backends": null}'],
    '{"backends": "text"}',
    ...[null, 5, [], {}].map((text) => JSON.stringify({ backends: { text } })),
    JSON.stringify(record({ pid: '4711' })),
    JSON.stringify(record({ pid: 1.5 })),
    JSON.stringify(record({ pid: undefined })),
    JSON.stringify(record({ identity: 5 })),
    JSON.stringify(record({ command: undefined })),
    JSON.stringify(record({ port: '5001' })),
    JSON.stringify({ backends: { image: IMAGE, text: {} } }),
    JSON.stringify(record({})).slice(0, -1),
  ]
  const file = join(t.testdir({}), 'backends.json')
  for (const text of [undefined, ...texts]) {
    if (text !== undefined) writeFileSync(file, text)
    const state = new StateFile(file)
    t.strictSame(state.names(), [], JSON.stringify(text) ?? 'missing')
    t.equal(state.gateway, undefined)
    t.equal(state.get('text'), undefined)
  }
  const state = new StateFile(file)
  state.put('text', TEXT)
  t.strictSame(new StateFile(file).get('text'), TEXT, 'and is replaced by the next write')
  t.end()
})
