import t from 'tap'
import { complaintsOf, faultsOf } from './read.js'

t.test('five different faults are reported in one go, each where it stands', async (t) => {
  const faults = faultsOf(`{
  "listen": { "hots": "localhost" },
  "backends": {
    "text": { "serves": ["text"], "concurrency": "two", "idleTimeout": 15,
      "url": "http://127.0.0.1:5001", "process": { "command": "koboldcpp" } },
    "image": { "serves": ["image"],
      "url": "http://localhost:5001", "process": { "command": "koboldcpp" } },
  },
  "routes": [
    { "path": "/a", "to": "text" },
    { "path": "/b", "to": "backend:imagge" },
  ],
}`)
  t.match(faults, [
    { line: 2, column: 15, path: 'listen.hots', found: 'the key "hots"', hint: /"host"/ },
    {
      line: 4,
      column: 50,
      path: 'backends.text.concurrency',
      found: '"two"',
      expected: 'a whole number of at least 0',
    },
    { line: 4, column: 72, path: 'backends.text.idleTimeout', found: '15', hint: /say the unit/ },
    {
      line: 7,
      column: 14,
      path: 'backends.image.url',
      expected: /a port of its own \(backends.text/,
    },
    { line: 11, column: 27, path: 'routes[1].to', hint: /"image"/ },
  ])
  t.equal(faults.length, 5)
})

t.test('every syntax fault is reported, and nothing else', async (t) => {
  t.match(faultsOf('{\n  "listen": { "port": 1 "host": }\n  "nonsense": 5 }'), [
    { line: 2, column: 25, path: '', found: '`"host"`', expected: 'a comma' },
    { line: 2, column: 33, found: '`}`', expected: 'a value' },
    { line: 3, column: 3, expected: 'a comma' },
  ])
})

t.test('a file without content, or cut off, is a fault at its end', async (t) => {
  t.match(faultsOf(''), [{ line: 1, column: 1, found: 'the end of the file' }])
  t.match(faultsOf('// only a comment'), [{ found: 'the end of the file' }])
  t.match(faultsOf('{ "listen": {'), [{ found: 'the end of the file', expected: 'a closing }' }])
})

t.test('a file that is not an object is one fault', async (t) => {
  for (const text of ['5', 'null', '[]', '"x"']) {
    t.match(faultsOf(text), [{ path: '', expected: 'an object' }], text)
  }
})

t.test('a text nested beyond reason is a fault, not a crash', async (t) => {
  t.match(faultsOf('['.repeat(200_000)), [{ column: 101, expected: 'fewer levels' }])
})

t.test('a key that stands twice is a fault at the second', async (t) => {
  t.match(faultsOf('{ "listen": {},\n  "listen": {} }'), [
    {
      line: 2,
      column: 3,
      path: 'listen',
      found: 'the key "listen" again',
      hint: 'it is first on line 1',
    },
  ])
})

t.test('an unknown key comes with the nearest known one, or with all', async (t) => {
  t.match(faultsOf({ backends: { a: { url: 'http://h', concurency: 1 } } }), [
    { hint: 'did you mean "concurrency"?' },
  ])
  t.match(faultsOf({ xyzzy: 1 }), [
    { hint: 'known here: $schema, listen, admin, scheduling, devices, backends, routes' },
  ])
})

t.test('a value of the wrong kind is one fault, however many kinds would do', async (t) => {
  const routes = [
    { path: '/a', to: 'backend:a', method: 5 },
    { path: '/a', to: 'backend:a', method: ['GET', 5] },
  ]
  const devices = { gpu0: { memory: true } }
  t.same(complaintsOf({ backends: { a: { url: 'http://h' } }, routes, devices }), [
    'routes[0].method: an HTTP method or a list of them',
    'routes[1].method[1]: an HTTP method like "POST"',
    'devices.gpu0.memory: "auto" or a size like "512MiB" or "1.5GiB"',
  ])
})

t.test('names of backends and devices are restricted', async (t) => {
  const faults = faultsOf(
    '{ "backends": { "__proto__": { "url": "http://h" }, "a b": 5 }, "devices": { "": {} } }',
  )
  t.match(
    faults.map(({ path }) => path),
    ['backends.__proto__', 'backends["a b"]', 'devices[""]'],
  )
})

t.test('a missing field is reported where it is missing from', async (t) => {
  t.match(faultsOf('{\n "routes": [\n  { "to": "backend:x" } ] }'), [
    { line: 3, column: 3, path: 'routes[0].path', found: 'nothing' },
    { line: 3, column: 11, path: 'routes[0].to' },
  ])
})

t.test('a faulty value has no follow-up faults', async (t) => {
  const content = {
    listen: { port: '5050' },
    devices: { gpu0: { memory: 'lots' } },
    backends: {
      a: { serve: ['text'], proces: { command: 'x' } },
      b: { url: 'http://h', memory: { gpu0: '5GiB' }, serves: ['txet'] },
      c: { process: { command: 'x', args: `--port \${port}` } },
    },
    routes: [{ path: '/a', to: 'text' }, 5],
  }
  t.same(
    faultsOf(content).map(({ path }) => path),
    [
      'listen.port',
      'devices.gpu0.memory',
      'backends.a.serve',
      'backends.a.proces',
      'backends.b.serves[0]',
      'backends.c.process.args',
      'routes[1]',
    ],
  )
})

t.test('a key that is written wrong is not reported as missing too', async (t) => {
  const process = { comand: 'x' }
  t.match(faultsOf({ backends: { b: { url: 'http://h:1', process } } }), [
    { path: 'backends.b.process.comand', hint: 'did you mean "command"?' },
  ])
  t.equal(faultsOf({ backends: { b: { url: 'http://h:1', process } } }).length, 1)
})

t.test('a long value is shown shortened', async (t) => {
  const [fault] = faultsOf({ listen: { port: 'x'.repeat(100) } })
  t.equal(fault?.found, `"${'x'.repeat(38)}…`)
})

t.test(
  'a comment that is never closed is a fault, not an endless search for its end',
  async (t) => {
    for (const text of ['*/*', '{ /* never', '/*', '{} /']) {
      t.ok(faultsOf(text).length > 0, text)
    }
  },
)

t.test('a route whose path no request can have is a fault', async (t) => {
  for (const path of ['/a/../b', '/a/%2e%2e/*', '/%zz', '/a?b', '/a\\..\\b']) {
    const file = {
      backends: { a: { url: 'http://127.0.0.1:1' } },
      routes: [{ path, to: 'backend:a' }],
    }
    t.same(
      faultsOf(file).map((fault) => fault.path),
      ['routes[0].path'],
      path,
    )
  }
})
