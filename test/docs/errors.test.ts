import pino from 'pino'
import t from 'tap'
import { createApp } from '../../src/app.js'
import { parseConfig } from '../../src/config/load.js'
import { errorTable } from '../../src/errors.js'
import { tempFolder } from '../helpers/gateway.js'
import { blocksOf, codesOf, sectionOf, tableOf } from './markdown.js'

const ERRORS = 'docs/errors.md'
const DIALECTS = ['KoboldCpp', 'OpenAI', 'Anthropic', 'Ollama', 'AUTOMATIC1111', 'ComfyUI', 'XTTS']

t.test(
  'docs/errors.md lists every error with its status and text, and when it happens',
  async (t) => {
    const rows = tableOf(sectionOf(ERRORS, '## Codes'))
    t.same(
      rows.map(([code, status, text]) => ({
        code: codesOf(code)[0],
        status: Number(status),
        text,
      })),
      errorTable(),
    )
    t.ok(rows.every(([, , , when]) => when !== undefined && when !== ''))
  },
)

t.test('the samples of docs/errors.md are what each dialect is told', async (t) => {
  const config = parseConfig('{}', { file: '/srv/routes.json', env: {} })
  const host = {
    platform: process.platform,
    env: {},
    node: process.execPath,
    gatehouse: '',
    stateDir: tempFolder(t),
  }
  const { server } = createApp(config, { host, log: pino({ level: 'silent' }), version: '0' })
  t.teardown(() => server.close())
  for (const dialect of DIALECTS) {
    const section = sectionOf(ERRORS, `### ${dialect}`)
    const [, path = '', status] = /^`POST (\S+)` → (\d+)$/m.exec(section) ?? []
    const reply = await server.inject({ method: 'POST', url: path, payload: '{}' })
    t.equal(reply.statusCode, Number(status), `${dialect}: ${path}`)
    t.same(reply.json(), JSON.parse(blocksOf(section, 'json')[0] ?? ''))
  }
})
