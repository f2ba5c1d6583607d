import t from 'tap'
import type { BackendStatus } from '../../src/backends/backend.js'
import { banner } from '../../src/cli/banner.js'
import { configOf } from '../config/read.js'

const URL_HERE = 'http://localhost:5050'
const process = { command: 'x', args: ['${port}'] }

function status(name: string, state: BackendStatus['state']): BackendStatus {
  const rest = {
    waiting: 0,
    inFlight: 0,
    reason: '',
    pid: undefined,
    memory: [],
    waitMs: 0,
    entering: 0,
    serviceMs: undefined,
  } as const
  return { name, state, launcher: 'process', ...rest }
}

t.test('it says where the gateway is open, and what is behind it', (t) => {
  const config = configOf({
    backends: {
      text: { process, serves: ['text', 'embeddings'], keepLoaded: true },
      image: { process, serves: ['image'] },
      other: { url: 'http://127.0.0.1:8020', dialect: 'generic' },
    },
  })
  const statuses = [status('image', 'stopped'), status('text', 'ready')]
  t.strictSame(banner(config, { url: URL_HERE, version: '1.2.3', statuses }).split('\n'), [
    '',
    '  Gatehouse 1.2.3 is open at http://localhost:5050',
    '',
    '  SillyTavern: API "Text Completion", type "KoboldCpp", URL http://localhost:5050',
    '  Metrics:     http://localhost:5050/metrics',
    '',
    '  backend  workloads         state    how it starts',
    '  text     text, embeddings  ready    now, and kept loaded',
    '  image    image             stopped  at its first request',
    '  other    routes only       stopped  by somebody else; only routed to',
    '',
    '  Ctrl-C stops the gateway and its backends.',
    '',
    '',
  ])
  t.end()
})

t.test('a gateway without backends says where it is open all the same', (t) => {
  const text = banner(configOf({}), { url: URL_HERE, version: '1.2.3', statuses: [] })
  t.match(text, 'is open at http://localhost:5050')
  t.match(text, 'backend  workloads  state  how it starts\n')
  t.end()
})
