import t from 'tap'
import type { BackendConfig, Config, RouteConfig } from '../../src/config/config.js'
import { describeRoutes } from '../../src/routing/describe-routes.js'
import { TABLE } from '../../src/routing/table.js'

const backends = [
  { name: 'chat', serves: ['text'] },
  { name: 'coder', serves: ['text', 'music'] },
] as unknown as BackendConfig[]

const routes: RouteConfig[] = [
  {
    path: '/comfy/*',
    methods: ['GET', 'POST'],
    headers: { 'x-user': 'ann*' },
    model: 'qwen*',
    to: { backend: 'coder' },
    stripPrefix: true,
    timeouts: { headersMs: undefined, bodyIdleMs: undefined },
    bodies: undefined,
  },
  {
    path: '/draw',
    methods: [],
    headers: {},
    model: undefined,
    to: { workload: 'image' },
    stripPrefix: false,
    timeouts: { headersMs: undefined, bodyIdleMs: undefined },
    bodies: undefined,
  },
]

const [head, ...rows] = describeRoutes({ backends, routes } as unknown as Config)
const rowFor = (path: string, method: string) =>
  rows.find((row) => row[1] === path && row[0] === method)

t.test('the routes of the user come first, with their conditions', async (t) => {
  t.same(head, ['Method', 'Path', 'Goes to', 'Starts it', 'Waits', 'About'])
  const about = 'Route of routes.json, header x-user: ann*, model qwen*, prefix cut off'
  t.same(rows[0]?.slice(0, 4), ['GET, POST', '/comfy/*', 'coder', 'yes'])
  t.equal(rows[0]?.[5], about)
  t.equal(rows[1]?.[2], 'nobody serves image')
})

t.test('every pattern of the table is told, with who answers', async (t) => {
  t.equal(rows.length, 2 + TABLE.flatMap(({ patterns }) => patterns).length)
  t.same(rowFor('*/api/v1/generate', 'POST')?.slice(2, 5), ['text: chat, coder', 'yes', 'yes'])
  t.same(rowFor('*/api/extra/tokencount', 'POST')?.slice(2, 5), ['text: chat, coder', 'no', 'no'])
  t.equal(rowFor('*/v1/embeddings', 'POST')?.[2], 'text: chat, coder')
  t.equal(rowFor('*/api/extra/tts', 'POST')?.[2], 'nobody serves speech')
  t.same(rowFor('*/api/extra/version', 'GET')?.slice(2, 4), ['gateway', '-'])
  t.ok(rowFor('/ws (WebSocket)', 'GET'))
  t.same(rows.at(-1)?.slice(0, 2), ['any', '/*'])
})

t.test('no cell is empty', async (t) => {
  t.same(
    rows.filter((row) => row.length !== head?.length || row.includes('')),
    [],
  )
})
