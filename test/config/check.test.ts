import t from 'tap'
import { complaintsOf } from './read.js'

const command = { command: 'x' }
const external = { url: 'http://h' }

t.test('a route leads to a workload that is served or to a backend that exists', async (t) => {
  const routes = [
    { path: '/a', to: 'text' },
    { path: '/b', to: 'music' },
    { path: '/c', to: 'backend:b' },
    { path: '/d', to: 'backend:constructor' },
  ]
  t.same(complaintsOf({ backends: { b: { ...external, serves: ['text'] } }, routes }), [
    'routes[1].to: a workload that a backend serves',
    'routes[3].to: the name of one of "backends"',
  ])
})

t.test('only a path with a fixed part and a rest can have its prefix cut off', async (t) => {
  const routes = [
    { path: '/a', to: 'backend:b', stripPrefix: true },
    { path: '/a/*', to: 'backend:b', stripPrefix: true },
  ]
  t.same(complaintsOf({ backends: { b: external }, routes }), [
    'routes[0].stripPrefix: false, as this path does not end in /*',
  ])
})

t.test('a path begins with a slash and has its star, if any, at the end', async (t) => {
  const routes = ['a', '/a*', '/a/*/b', '/a?b', '/*', '/', '/a/*'].map((path) => ({
    path,
    to: 'backend:b',
  }))
  t.same(
    complaintsOf({ backends: { b: external }, routes }).map((text) => text.split(':')[0]),
    [0, 1, 2, 3].map((index) => `routes[${index}].path`),
  )
})

t.test('memory is asked of devices that exist and have as much', async (t) => {
  const devices = {
    gpu0: { memory: '8GiB', keepFree: '1GiB' },
    gpu1: { memory: 'auto', keepFree: '1GiB' },
  }
  const backends = {
    fits: { ...external, memory: { gpu0: '7GiB', gpu1: '70GiB' } },
    much: { ...external, memory: { gpu0: '7.1GiB' } },
    lost: { ...external, memory: { gpu7: 0, toString: 0 } },
  }
  t.same(complaintsOf({ devices, backends }), [
    'backends.much.memory.gpu0: at most devices.gpu0.memory less its keepFree',
    'backends.lost.memory.gpu7: the name of one of "devices"',
    'backends.lost.memory.toString: the name of one of "devices"',
  ])
})

t.test('any one card is asked for where there is one that is big enough', async (t) => {
  const devices = { gpu0: { memory: '8GiB' }, gpu1: { memory: '4GiB' }, ram: { memory: 'auto' } }
  const backends = {
    fits: { ...external, memory: { gpu: '7GiB' } },
    much: { ...external, memory: { gpu: '9GiB' } },
  }
  t.same(complaintsOf({ devices, backends }), [
    'backends.much.memory.gpu: at most the memory of a card less its keepFree',
  ])
  const cardless = complaintsOf({ devices: { ram: { memory: 'auto' } }, backends })
  t.equal(cardless.length, 2)
  t.match(cardless[0], 'backends.fits.memory.gpu: the name of one of "devices"')
  const unlisted = complaintsOf({ backends: { b: { ...external, memory: 'auto' } } })
  t.same(unlisted, ['backends.b.memory: an object of sizes by device'])
})

t.test('shares and amounts are of devices that exist, and never of the same one', async (t) => {
  const devices = { gpu0: { memory: '8GiB' }, gpu1: { memory: '8GiB' } }
  const twice = { ...external, memory: { gpu0: 1 }, share: { gpu0: 0.5, gpu1: 1, gpu2: 0.5 } }
  t.same(complaintsOf({ devices, backends: { twice } }), [
    'backends.twice.share.gpu0: a device that "memory" of this backend does not name',
    'backends.twice.share.gpu2: the name of one of "devices"',
  ])
  t.same(complaintsOf({ backends: { much: { ...external, share: { x: 1.1, y: 0 } } } }), [
    'backends.much.share.x: a number above 0 and at most 1',
    'backends.much.share.y: a number above 0 and at most 1',
  ])
})

t.test('what is never stopped for another fits in together', async (t) => {
  const devices = { gpu0: { memory: '8GiB' } }
  const own = (port: number) => ({ url: `http://127.0.0.1:${port}`, process: command })
  const kept = { keepLoaded: true }
  const backends = {
    a: { ...own(1), ...kept, memory: { gpu0: '5GiB' } },
    b: { ...external, share: { gpu0: 0.5 } },
    c: { ...own(2), ...kept, memory: { gpu0: '3GiB' } },
    d: { ...own(3), memory: { gpu0: '8GiB' } },
  }
  const rest =
    'at most what the other backends that are kept loaded or external leave of devices.gpu0'
  t.same(complaintsOf({ devices, backends }), [
    `backends.b.share.gpu0: ${rest}`,
    `backends.c.memory.gpu0: ${rest}`,
  ])
})

t.test('a device whose memory the driver is to tell is one that the driver knows', async (t) => {
  const devices = { card: { memory: 'auto' }, mine: { memory: 'auto', id: 'GPU-1' } }
  t.same(complaintsOf({ devices }), ['devices.card.memory: a size like "8GiB"'])
})

t.test("no two processes share a fixed port on one host, nor take the gateway's own", async (t) => {
  const backends = {
    a: { url: 'http://127.0.0.1:80', process: command },
    b: { url: 'http://localhost:80/x', process: command },
    c: { url: 'http://[::1]:80', process: command },
    d: { url: 'http://127.0.0.1:5050', process: command },
    elsewhere: { url: 'http://127.0.0.1:80' },
  }
  t.same(complaintsOf({ backends }), [
    'backends.b.url: a port of its own (backends.a has the same)',
    "backends.d.url: another port than listen.port, which is the gateway's own",
  ])
})

t.test('a backend has a url, a process, both, or a container', async (t) => {
  t.match(complaintsOf({ backends: { b: { serves: ['text'] } } }), [
    /^backends.b.url: a "url" .* a "process", or a "docker"/,
  ])
})

t.test('a chosen port is told to the program, in its command, args or env', async (t) => {
  const port = `\${port}`
  const backends = {
    untold: { process: command },
    zero: { process: command, url: 'http://127.0.0.1:0' },
    args: { process: { ...command, args: [`--port=${port}`] } },
    env: { process: { ...command, env: { PORT: port } } },
    fixed: { process: command, url: 'http://127.0.0.1:80' },
  }
  t.match(complaintsOf({ backends }), [
    /^backends.untold.process: \$\{port\} in/,
    /^backends.zero.process/,
  ])
})

t.test('a url is http or https and names a server, no more', async (t) => {
  const bad = [
    '',
    'h',
    'ftp://h',
    'http://',
    'http://u@h',
    'http://u:p@h',
    'http://h?a',
    'http://h#a',
    'http://h:99999',
    'http://a b',
    'http:\\\\h',
    'http://h:0',
    '//h',
    'http:/h',
  ]
  for (const url of bad)
    t.match(complaintsOf({ backends: { b: { url } } }), [/^backends.b.url/], url)
  for (const url of ['https://h:1/a/b', 'HTTP://h', 'http://[::1]/'])
    t.same(complaintsOf({ backends: { b: { url } } }), [], url)
})

t.test('names that differ only by case are refused', async (t) => {
  const backends = { text: external, Text: external }
  const routes = [{ path: '/', to: 'backend:text', header: { 'X-A': '1', 'x-a': '2' } }]
  t.same(complaintsOf({ backends, routes }), [
    'backends.Text: a name that differs from "text" by more than case',
    'routes[0].header.x-a: a name that differs from "X-A" by more than case',
  ])
})

t.test('a trusted proxy is an address or a block', async (t) => {
  const trustProxy = [
    '10.0.0.1',
    '10.0.0.0/8',
    '::1',
    'fd00::/8',
    '10.0.0.0/33',
    'loopback',
    '10.0.0.0/',
  ]
  t.same(
    complaintsOf({ listen: { trustProxy } }).map((text) => text.split(':')[0]),
    ['listen.trustProxy[4]', 'listen.trustProxy[5]', 'listen.trustProxy[6]'],
  )
})
