import t from 'tap'
import { LOG_LEVELS, parseCommand, UsageError } from '../../src/cli/arguments.js'
import { USAGE } from '../../src/cli/usage.js'

const RUN = {
  configFile: 'routes.json',
  host: undefined,
  port: undefined,
  logLevel: 'info',
  stateDir: undefined,
  keepBackends: false,
}
const LOGS = { backend: 'text', configFile: 'routes.json', stateDir: undefined, follow: false }

/** The words of a line, split at its blanks. */
function parse(line: string) {
  return parseCommand(line.split(' ').filter(Boolean))
}

t.test('without a command the gateway runs, with every option at its default', (t) => {
  t.strictSame(parse(''), { name: 'run', options: RUN })
  t.strictSame(parse('run'), { name: 'run', options: RUN })
  t.end()
})

t.test('every option of a run is read, in each of its forms', (t) => {
  const rows: [string, object][] = [
    ['--config my.json', { configFile: 'my.json' }],
    ['--config=my.json', { configFile: 'my.json' }],
    ['-c my.json', { configFile: 'my.json' }],
    ['-c one.json -c two.json', { configFile: 'two.json' }],
    ['--host 0.0.0.0', { host: '0.0.0.0' }],
    ['--host=::1', { host: '::1' }],
    ['--port 5050', { port: 5050 }],
    ['-p 0', { port: 0 }],
    ['-p 65535', { port: 65_535 }],
    ['--state-dir /var/lib/x', { stateDir: '/var/lib/x' }],
    ['--keep-backends', { keepBackends: true }],
    ...LOG_LEVELS.map((level): [string, object] => [`--log-level ${level}`, { logLevel: level }]),
    ['run -p 1 --host h --keep-backends', { port: 1, host: 'h', keepBackends: true }],
    ['-p 1 run --host h', { port: 1, host: 'h' }],
  ]
  for (const [line, options] of rows) {
    t.strictSame(parse(line), { name: 'run', options: { ...RUN, ...options } }, line)
  }
  t.end()
})

t.test('every other command is read with what it needs', (t) => {
  const rows: [string, object][] = [
    ['check', { name: 'check', configFile: 'routes.json' }],
    ['check -c my.json', { name: 'check', configFile: 'my.json' }],
    ['--config my.json routes', { name: 'routes', configFile: 'my.json' }],
    ['logs text', { name: 'logs', options: LOGS }],
    ['logs text --follow', { name: 'logs', options: { ...LOGS, follow: true } }],
    ['-f logs text', { name: 'logs', options: { ...LOGS, follow: true } }],
    [
      'logs image -c my.json --state-dir s',
      {
        name: 'logs',
        options: { ...LOGS, backend: 'image', configFile: 'my.json', stateDir: 's' },
      },
    ],
    ['sample-backend', { name: 'sample-backend', argv: [] }],
    ['socket-proxy --port 1', { name: 'socket-proxy', argv: ['--port', '1'] }],
    ['sample-backend --port 1 -h x', { name: 'sample-backend', argv: '--port 1 -h x'.split(' ') }],
    ...['--help', '-h', 'check --help', '-hv', 'nonsense -h', 'logs -h'].map(
      (line): [string, object] => [line, { name: 'help' }],
    ),
    ...['--version', '-v', 'routes --version'].map((line): [string, object] => [
      line,
      { name: 'version' },
    ]),
  ]
  for (const [line, command] of rows) t.strictSame(parse(line), command, line)
  t.end()
})

t.test('what makes no sense is a wrong use, in words', (t) => {
  const rows: [string, string | RegExp][] = [
    ['start', "there is no command 'start'"],
    ['check routes', "one command at a time, not also 'routes'"],
    ['run a b', "one command at a time, not also 'a b'"],
    ['logs', 'logs takes the name of one backend'],
    ['logs a b', 'logs takes the name of one backend'],
    ['--log-level loud', `--log-level must be one of ${LOG_LEVELS.join(', ')}`],
    ...['http', '65536', '1e3', '5050.0', '0x10', ' '].map((port): [string, string] => [
      `--port=${port.trim()}`,
      `--port must be a number from 0 to 65535, not '${port.trim()}'`,
    ]),
    ['--port=-1', "--port must be a number from 0 to 65535, not '-1'"],
    ['--prot 5', /^Unknown option '--prot'$/],
    ['-x', /^Unknown option '-x'$/],
    ['--config', /^Option '-c, --config <value>' argument missing$/],
    ['--host --port 1', /^Option '--host' argument is ambiguous/],
    ['--keep-backends=yes', /^Option '--keep-backends' does not take an argument$/],
  ]
  for (const [line, message] of rows) {
    const thrown = t.throws(() => parse(line), { message }, line)
    t.type(thrown, UsageError, line)
  }
  t.end()
})

t.test('every option that the help names is understood, in both its forms', (t) => {
  const options = [...USAGE.matchAll(/^ {2}(-\w| {2})[, ] (--[\w-]+)( [A-Z]+)?/gm)]
  t.equal(options.length, 8)
  for (const [line, short = '', long = '', value] of options) {
    const values = value ? [long === '--log-level' ? 'warn' : '1'] : []
    const command = parseCommand([long, ...values])
    if (short.trim()) t.strictSame(parseCommand([short, ...values]), command, line)
  }
  t.end()
})

t.test('every command that the help names is understood', (t) => {
  const commands = [...USAGE.matchAll(/^ {2}([a-z][\w-]+)( NAME)?/gm)]
  t.equal(commands.length, 6)
  for (const [line, name = '', value] of commands) {
    t.equal(parseCommand(value ? [name, 'text'] : [name]).name, name, line)
  }
  t.match(USAGE, LOG_LEVELS.slice(0, -1).join(', '))
  t.end()
})
