import t from 'tap'
import { complaintsOf, configOf, faultsOf } from './read.js'

const started = (process: object) => ({ backends: { b: { url: 'http://h:1', process } } })

t.test('a variable of the environment is put in the place of its name', async (t) => {
  const content = started({ command: `\${env:TOOL}`, args: [`--key=\${env:KEY}-\${env:KEY}`] })
  const [backend] = configOf(content, { TOOL: 'kobold', KEY: 'k' }).backends
  t.match(backend?.launcher, { command: 'kobold', args: ['--key=k-k'] })
})

t.test('durations and sizes may come from the environment', async (t) => {
  const content = { listen: { headerTimeout: `\${env:WAIT}`, bufferBytes: `\${env:BYTES}` } }
  t.match(configOf(content, { WAIT: '5s', BYTES: '1024' }).listen, {
    headerTimeoutMs: 5000,
    bufferBytes: 1024,
  })
})

t.test('a variable that is not set is a fault that names it', async (t) => {
  t.match(faultsOf(started({ command: 'x', args: ['a', `\${env:HF_TOKEN}`] })), [
    {
      path: 'backends.b.process.args[1]',
      found: `"\${env:HF_TOKEN}"`,
      expected: /HF_TOKEN to be set/,
    },
  ])
  t.match(faultsOf({ listen: { host: `\${env:constructor}` } }), [{ path: 'listen.host' }])
})

t.test('the value of a variable never appears in a fault', async (t) => {
  const secret = 's3cr3t-4711'
  const place = `\${env:SECRET}`
  const faults = faultsOf(
    {
      listen: { port: place, headerTimeout: place, trustProxy: [place] },
      devices: { gpu0: { memory: place } },
      backends: {
        a: { url: `ftp://${place}`, dialect: place, serves: [place] },
        b: { url: `http://u:${place}@h/` },
        c: { url: `http://${place}?x` },
      },
      routes: [
        { path: place, to: place },
        { path: '/', to: `backend:${place}` },
      ],
    },
    { SECRET: secret },
  )
  t.equal(faults.length, 12)
  t.notMatch(JSON.stringify(faults), secret)
})

t.test('not even by way of a limit or a port that came from a variable', async (t) => {
  const process = { command: 'x' }
  const content = {
    devices: { gpu0: { memory: `\${env:SIZE}` } },
    backends: {
      a: { process, url: `http://h:\${env:PORT}`, memory: { gpu0: '4713GiB' } },
      b: { process, url: `http://h:\${env:PORT}` },
    },
  }
  const faults = faultsOf(content, { SIZE: '4712MiB', PORT: '4711' })
  t.equal(faults.length, 2)
  t.notMatch(JSON.stringify(faults), /471[12]/)
})

t.test(
  'two dollars give the literal, and what a variable holds is not looked at again',
  async (t) => {
    const content = started({
      command: 'x',
      args: [`$\${env:A}`, `$\${any}`, `\${env:A}`, '$5', '$$'],
    })
    const [backend] = configOf(content, { A: `\${foo}` }).backends
    t.match(backend?.launcher, { args: [`\${env:A}`, `\${any}`, `\${foo}`, '$5', '$$'] })
  },
)

t.test('variables that are known at a start stay in their place', async (t) => {
  const texts = [`\${port}`, `\${node}`, `\${gatehouse}`]
  const [backend] = configOf(
    started({ command: texts[1], args: texts, env: { P: texts[0] } }),
  ).backends
  t.match(backend?.launcher, { command: texts[1], args: texts, env: { P: texts[0] } })
})

t.test('they cannot be written literally where they would be filled in', async (t) => {
  t.match(faultsOf(started({ command: 'x', args: [`$\${port}`] })), [
    { expected: /cannot be written literally/ },
  ])
  t.equal(configOf({ listen: { host: `$\${port}` } }).listen.host, `\${port}`)
})

t.test('any other variable is a fault', async (t) => {
  t.match(faultsOf(started({ command: 'x', args: [`\${prot}`] })), [
    { hint: 'did you mean "port"?' },
  ])
  t.same(complaintsOf(started({ command: 'x', cwd: `\${node}` })), [
    `backends.b.process.cwd: no variables but \${env:NAME}`,
  ])
  t.same(complaintsOf({ backends: { b: { url: `http://h:\${port}` } } }), [
    `backends.b.url: no variables but \${env:NAME}`,
  ])
})
