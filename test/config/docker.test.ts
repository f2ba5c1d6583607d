import t from 'tap'
import { complaintsOf, configOf } from './read.js'

const url = 'http://text:5001'
const backends = (text: object) => ({ backends: { text } })

t.test('a container is known by its name, or by its service', async (t) => {
  const launcherOf = (docker: object) => configOf(backends({ docker, url })).backends[0]?.launcher
  t.same(launcherOf({ container: 'a.b_c-1' }), { kind: 'docker', container: { name: 'a.b_c-1' } })
  t.same(launcherOf({ service: 'text' }), {
    kind: 'docker',
    container: { service: 'text', project: undefined },
  })
  t.match(launcherOf({ service: 'text', project: 'home' }), { container: { project: 'home' } })
})

t.test('what is missing, or too much, is said', async (t) => {
  const rows: [object, string][] = [
    [{ url, docker: {} }, 'backends.text.docker: either a "container" or a "service"'],
    [
      { url, docker: { container: 'a', service: 'b' } },
      'backends.text.docker: either a "container" or a "service"',
    ],
    [
      { url, docker: { container: 'a', project: 'b' } },
      'backends.text.docker.project: a "service" beside it',
    ],
    [
      { docker: { container: 'a' } },
      'backends.text.url: where the container listens, such as "http://text:5001"',
    ],
    [
      { url, docker: { container: 'a' }, process: { command: 'b' } },
      'backends.text.docker: either "process" or "docker"',
    ],
    [
      { url, docker: { container: '../a' } },
      'backends.text.docker.container: a name as Docker has them',
    ],
  ]
  const devices = { gpu0: { memory: '8GiB' } }
  for (const memory of ['auto', { gpu: '4GiB' }]) {
    const text = { url, docker: { container: 'a' }, memory }
    t.same(complaintsOf({ devices, ...backends(text) }), [
      'backends.text.memory: each card by its name',
    ])
  }
  for (const [text, complaint] of rows) t.same(complaintsOf(backends(text)), [complaint])
  t.equal(complaintsOf(backends({ url, docker: { image: 'a', service: 'b' } })).length, 1)
})
