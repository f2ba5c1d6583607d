import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { kcppsAt, kcppsIn, privateKcpps } from '../../src/launchers/kcpps.js'
import { StartFailure } from '../../src/launchers/launcher.js'
import { KILL_SOON, lineOf, processLauncher } from '../helpers/processes.js'

const HERE = { host: '127.0.0.1', port: 5999 }
const OURS = {
  host: '127.0.0.1',
  port: 5999,
  port_param: 5999,
  launch: false,
  showgui: false,
  remotetunnel: false,
  onready: '',
}

/** Prints each .kcpps among its arguments: where it lies, and what is in it. */
const PRINTS_ITS_SETTINGS = `
import { readFileSync } from 'node:fs'
console.log(JSON.stringify({ args: process.argv.slice(2) }))
for (const file of process.argv.filter((arg) => /[.]kcpps$/i.test(arg)))
  console.log(JSON.stringify({ text: readFileSync(file, 'utf8') }))
setInterval(() => {}, 1_000)
console.log('ready')
`

/** As the GUI saves it: with a port of its own, a browser to open and a tunnel. */
const SAVED = JSON.stringify({
  model_param: 'models/a b.gguf',
  port: 5001,
  port_param: 5002,
  host: '',
  launch: true,
  showgui: true,
  remotetunnel: true,
  onready: 'notify-send loaded',
  gpulayers: -1,
  tensor_split: [1, 2.5],
  admindir: null,
  lora: { 'ü "quoted"': ['x'] },
})

t.test('a copy listens where it is told, opens nothing, and keeps all else', (t) => {
  t.strictSame(JSON.parse(privateKcpps(SAVED, HERE)), { ...JSON.parse(SAVED), ...OURS })
  t.end()
})

t.test('a file that says nothing gets the settings that matter all the same', (t) => {
  t.strictSame(JSON.parse(privateKcpps('{}', HERE)), OURS)
  t.end()
})

t.test('whatever else a file says comes through unchanged', (t) => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (settings) => {
      const text = JSON.stringify(settings)
      const copy = privateKcpps(text, HERE)
      t.strictSame(JSON.parse(copy), { ...JSON.parse(text), ...OURS })
    }),
    { numRuns: 50 },
  )
  t.end()
})

t.test('a file that is no JSON, or no object, is a failed start in words', (t) => {
  const rows: [string, string][] = [
    ['', 'its .kcpps file is not valid JSON'],
    ['{"port": 5001,}', 'its .kcpps file is not valid JSON'],
    ['port=5001', 'its .kcpps file is not valid JSON'],
    ['{"password": "hunter22"', 'its .kcpps file is not valid JSON'],
    ['[]', 'its .kcpps file is not a JSON object'],
    ['null', 'its .kcpps file is not a JSON object'],
    ['5', 'its .kcpps file is not a JSON object'],
    ['"text"', 'its .kcpps file is not a JSON object'],
  ]
  for (const [text, message] of rows) {
    t.throws(() => privateKcpps(text, HERE), new StartFailure(message), text)
  }
  t.end()
})

t.test('a settings file is found among the arguments by its ending alone', (t) => {
  const rows: [string[], number][] = [
    [['--config', 'x.kcpps'], 1],
    [['x.kcpps'], 0],
    [['koboldcpp.py', '/a b/X.KCPPS', '--quiet'], 1],
    [['--model', 'x.kcpps.gguf'], -1],
    [['--config', 'kcpps'], -1],
    [[], -1],
  ]
  for (const [args, at] of rows) t.equal(kcppsAt(args), at, args.join(' '))
  t.end()
})

for (const [form, before] of [
  ['named by --config', ['--config']],
  ['that stands alone', []],
] as const) {
  t.test(`the program gets a private copy of a file ${form}, and the file stays`, async (t) => {
    const cwd = t.testdir({ 'prints.mjs': PRINTS_ITS_SETTINGS, 'x.kcpps': SAVED })
    const args = ['prints.mjs', ...before, 'x.kcpps', '--quiet']
    const { start, stateDir } = processLauncher(t, args, {
      command: { cwd },
      host: { stateDir: join(cwd, 'state') },
    })
    const run = await start()
    const given = JSON.parse(await lineOf(run, '{"args"')).args
    const { text } = JSON.parse(await lineOf(run, '{"text"'))
    const port = Number(new URL(run.origin).port)
    t.strictSame(JSON.parse(text), { ...JSON.parse(SAVED), ...OURS, port, port_param: port })
    t.same(given, [...before, join(stateDir, 'tmp', 'text', 'text.kcpps'), '--quiet'])
    t.equal(readFileSync(join(cwd, 'x.kcpps'), 'utf8'), SAVED)
    await run.stop(KILL_SOON)
  })
}

t.test('each start writes its copy anew, so that an edit of the file counts', async (t) => {
  const cwd = t.testdir({ 'x.kcpps': '' })
  const { start } = processLauncher(t, ['x.kcpps'], {
    command: { command: 'cat', cwd },
    host: { stateDir: join(cwd, 'state') },
  })
  for (const gpulayers of [1, 2]) {
    writeFileSync(join(cwd, 'x.kcpps'), JSON.stringify({ gpulayers }))
    const run = await start()
    const copy = JSON.parse(await lineOf(run, '{'))
    t.match(copy, { gpulayers, port: Number(new URL(run.origin).port) })
    await run.stop(KILL_SOON)
  }
})

t.test('a start fails in words when its file is missing or broken', async (t) => {
  const cwd = t.testdir({ 'broken.kcpps': '{', 'list.kcpps': '[]' })
  const rows = [
    ['missing.kcpps', 'its .kcpps file cannot be read'],
    ['broken.kcpps', 'its .kcpps file is not valid JSON'],
    ['list.kcpps', 'its .kcpps file is not a JSON object'],
  ] as const
  for (const [file, message] of rows) {
    const { start } = processLauncher(t, ['never-run.mjs', file], {
      command: { cwd },
      host: { stateDir: join(cwd, 'state') },
    })
    await t.rejects(start(), new StartFailure(message), file)
  }
})

t.test('a .kcpps behind --config= is found, and the option kept', async (t) => {
  t.same(kcppsIn('--config=a.kcpps'), { option: '--config=', file: 'a.kcpps' })
  t.same(kcppsIn('dir/a=b.kcpps'), { option: '', file: 'dir/a=b.kcpps' })
  t.match(JSON.parse(privateKcpps('{}', { host: '[::1]', port: 1 })), { host: '::1' })
})
