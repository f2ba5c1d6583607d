import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import t, { type Test } from 'tap'
import { Registry } from '../../src/front/registry.js'
import { RegistryFile } from '../../src/front/registry-file.js'
import { backendConfig } from '../helpers/backend.js'

function setting(t: Test, content?: string) {
  const file = join(t.testdir({}), 'state', 'answers.json')
  const at =
    content === undefined ? file : join(t.testdir({ 'answers.json': content }), 'answers.json')
  const warned: string[] = []
  const log = pino({ level: 'warn' }, { write: (line) => void warned.push(line) })
  return { file: at, warned, open: () => new Registry(new RegistryFile(at, log)) }
}

const [PATH, TEXT] = ['/api/v1/model', backendConfig()]

t.test('answers are there after a restart', async (t) => {
  const { open, file } = setting(t)
  const registry = open()
  t.equal(registry.get(TEXT, PATH), undefined)
  registry.keep(TEXT, PATH, { result: 'a' })
  registry.keep(TEXT, '/props', { n_ctx: 1 })
  await registry.written()
  t.same(open().get(TEXT, PATH), { result: 'a' })
  t.same(open().get(TEXT, '/props'), { n_ctx: 1 })
  t.equal(open().get(TEXT, 'constructor'), undefined)
  t.notMatch(readFileSync(file, 'utf8'), /never-run/, 'a command may hold secrets')
})

t.test('what another command or address said is not used', async (t) => {
  const { open } = setting(t)
  const registry = open()
  registry.keep(TEXT, PATH, 1)
  registry.keep(TEXT, '/props', 2)
  const changed = backendConfig({ process: { command: 'other', args: ['${port}'] } })
  t.equal(registry.get(changed, PATH), undefined)
  t.equal(registry.get(backendConfig({ dialect: 'koboldcpp' }), PATH), undefined)
  t.equal(registry.get(backendConfig({ queueLimit: 3 }), PATH), 1, 'the same backend all the same')
  registry.keep(changed, PATH, 3)
  t.equal(registry.get(changed, '/props'), undefined)
  t.equal(registry.get(TEXT, PATH), undefined)
  await registry.written()
})

t.test('a damaged file is passed over with one warning', async (t) => {
  for (const content of ['{"version":1,"back', '[]', '{"version":2,"backends":{}}', '']) {
    const { open, warned } = setting(t, content)
    t.equal(open().get(TEXT, PATH), undefined)
    t.equal(warned.length, 1, JSON.stringify(content))
  }
  const half = { version: 1, backends: { text: { of: 5 }, other: null } }
  const { open, warned } = setting(t, JSON.stringify(half))
  t.equal(open().get(TEXT, PATH), undefined)
  t.same(warned, [])
})

t.test('a folder that cannot be written costs one warning, and no answer', async (t) => {
  const { open, warned, file } = setting(t)
  writeFileSync(join(file, '..', '..', 'state'), 'a file where the folder should be')
  const registry = open()
  registry.keep(TEXT, PATH, 1)
  await registry.written()
  registry.keep(TEXT, PATH, 2)
  await registry.written()
  t.equal(registry.get(TEXT, PATH), 2)
  t.equal(warned.length, 1)
})
