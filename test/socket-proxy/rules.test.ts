import t from 'tap'
import { isLabelled, judge } from '../../src/socket-proxy/rules.js'
import { shownContainer, shownList } from '../../src/socket-proxy/shown.js'

const LABEL = { name: 'gatehouse.backend', value: 'true' }
const judged = (line: string) => {
  const [method = '', target = ''] = line.split(' ')
  return judge(method, target, LABEL)
}

t.test('looking at, starting, stopping and reading a container is let through', async (t) => {
  const rows = [
    ['GET /containers/text/json', '', 'json'],
    ['GET /v1.41/containers/text/json', '/v1.41', 'json'],
    ['POST /v1.47/containers/gatehouse-text-1/start', '/v1.47', 'start'],
    ['POST /v1.47/containers/text/stop?t=10&signal=SIGINT', '/v1.47', 'stop', 't=10&signal=SIGINT'],
    [
      'GET /v1.47/containers/text/logs?follow=true&since=1.5',
      '/v1.47',
      'logs',
      'follow=true&since=1.5',
    ],
  ]
  for (const [line = '', version, verb, query = ''] of rows) {
    const allowed = judged(line)
    t.match(allowed, { kind: 'container', version, verb }, line)
    t.equal(allowed?.kind === 'container' && allowed.query.toString(), query, line)
  }
  for (const line of ['GET /_ping', 'HEAD /_ping', 'GET /v1.47/_ping']) {
    t.same(judged(line), { kind: 'ping' }, line)
  }
})

t.test('no other call reaches the engine', async (t) => {
  const lines = [
    ...['POST /containers/create', 'POST /v1.47/containers/create?name=x', 'GET /info'],
    ...['GET /version', 'GET /events', 'GET /images/json', 'POST /build', 'GET /secrets'],
    ...['POST /containers/text/exec', 'POST /containers/text/kill', 'DELETE /containers/text'],
    ...['POST /containers/text/restart', 'POST /containers/text/update', 'GET /volumes'],
    ...['GET /containers/text/archive?path=/', 'GET /containers/text/export', 'POST /_ping'],
    ...['GET /containers/text/start', 'POST /containers/text/json', 'POST /containers/json'],
    ...['PUT /containers/text/start', 'GET /containers/text/attach/ws', 'POST /commit', 'GET /'],
    ...['GET /containers/../info/json', 'GET /containers/text/../../info', 'GET //info'],
    ...['GET /containers/%74ext/json', 'GET /containers/text%2Fjson', 'GET /v1.47/v1.47/info'],
    ...['GET http://engine/containers/text/json', 'GET /containers/a;b/json', 'GET *'],
    ...['GET /containers/json?filters=[', 'GET /containers/text/json/', 'GET /containers//json'],
    ...['POST /containers/constructor', 'get /containers/text/json', 'GET /containers/.x/json'],
  ]
  for (const line of lines) t.equal(judged(line), undefined, line)
})

t.test('of a query only the known parameters go along', async (t) => {
  const queryOf = (line: string) => {
    const allowed = judged(line)
    return allowed && 'query' in allowed && allowed.query.toString()
  }
  t.equal(queryOf('POST /containers/text/start?detachKeys=ctrl-c&checkpoint=x'), '')
  t.equal(queryOf('POST /containers/text/stop?t=1&force=1'), 't=1')
  t.equal(queryOf('GET /containers/text/json?size=1'), '')
  t.equal(queryOf('GET /containers/text/logs?follow=1&details=1'), 'follow=1')
})

t.test('a list is of labelled containers only, whatever else it is asked for', async (t) => {
  const filtersOf = (filters: unknown) => {
    const query = new URLSearchParams({ all: '1', size: '1', filters: JSON.stringify(filters) })
    const allowed = judged(`GET /v1.47/containers/json?${query}`)
    if (allowed?.kind !== 'list') throw new Error('it is no list')
    t.same([...allowed.query.keys()], ['all', 'filters'])
    return JSON.parse(allowed.query.get('filters') ?? '')
  }
  const ours = 'gatehouse.backend=true'
  t.same(filtersOf({}), { label: [ours] })
  t.same(filtersOf({ label: ['a=b'] }), { label: ['a=b', ours] })
  t.same(filtersOf({ label: { 'a=b': true } }), { label: ['a=b', ours] })
  t.same(filtersOf({ label: [], name: ['x'], network: ['y'] }), { label: [ours] })
})

t.test('a container has the label by its name, and its value where one is demanded', async (t) => {
  const any = { name: 'a', value: undefined }
  t.ok(isLabelled({ a: 'x' }, any))
  t.ok(isLabelled({ a: 'x' }, { name: 'a', value: 'x' }))
  t.notOk(isLabelled({ a: 'x' }, { name: 'a', value: 'y' }))
  for (const labels of [{}, null, undefined, 'a', ['a']]) t.notOk(isLabelled(labels, any))
  t.notOk(isLabelled({}, { name: 'constructor', value: undefined }))
})

t.test('what may hold secrets is not shown', async (t) => {
  const labels = {
    'gatehouse.backend': 'true',
    'com.docker.compose.service': 'text',
    password: 'secret',
  }
  const shown = shownContainer(
    {
      Id: 'abc',
      Args: ['--password', 'secret'],
      Path: 'secret',
      Config: { Env: ['KEY=secret'], Cmd: ['secret'], Tty: true, Labels: labels },
      HostConfig: { Binds: ['/secret:/x'] },
      Mounts: [{ Source: '/secret' }],
      State: { Running: true, ExitCode: 0, Health: { Log: [{ Output: 'secret' }] } },
      NetworkSettings: { Networks: { net: { IPAddress: '172.20.0.2', MacAddress: 'secret' } } },
    },
    LABEL,
  )
  t.notMatch(JSON.stringify(shown), 'secret')
  t.same(shown, {
    Id: 'abc',
    State: { Running: true, ExitCode: 0 },
    Config: {
      Tty: true,
      Labels: { 'gatehouse.backend': 'true', 'com.docker.compose.service': 'text' },
    },
    NetworkSettings: { Networks: { net: { IPAddress: '172.20.0.2' } } },
  })
  t.same(
    shownList(
      [
        { Id: 'a', Labels: labels, Command: 'secret' },
        { Id: 'b', Labels: {} },
      ],
      LABEL,
    ),
    [{ Id: 'a', Labels: { 'gatehouse.backend': 'true', 'com.docker.compose.service': 'text' } }],
  )
})
