import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import type { Label } from './rules.js'
import { createSocketProxy } from './server.js'

const USAGE = `Usage: gatehouse socket-proxy [options]

Stands between a gateway and a Docker engine: lets it look at, start, stop and read the output of labelled
containers, and nothing else. It asks nobody for a password: whoever reaches its port may do that.

Options
      --host HOST     listen here (default: 127.0.0.1)
      --port PORT     listen here (default: 2375)
      --socket PATH   the engine's socket (default: /var/run/docker.sock)
      --label LABEL   NAME or NAME=VALUE (default: gatehouse.backend=true)
  -h, --help          this text
`
const OPTIONS = {
  host: { type: 'string', default: '127.0.0.1' },
  port: { type: 'string', default: '2375' },
  socket: { type: 'string', default: '/var/run/docker.sock' },
  label: { type: 'string', default: 'gatehouse.backend=true' },
  help: { type: 'boolean', short: 'h', default: false },
} as const

/** Runs the proxy with the arguments after `socket-proxy`, until a signal ends the process. */
export function runSocketProxy(argv: readonly string[]): void {
  const options = readOptions(argv)
  if (options.help) {
    process.stdout.write(USAGE)
    return
  }
  const server = createSocketProxy({
    socketPath: options.socket,
    label: labelOf(options.label),
    onRefusal: (call, why) => process.stderr.write(`refused: ${call}: ${why}\n`),
  })
  server.once('error', (error) => giveUp(error.message, 1))
  server.listen(Number(options.port), options.host, () => {
    const { port } = server.address() as AddressInfo
    process.stdout.write(`listening at ${options.host}:${port} for ${options.socket}\n`)
  })
  // In a container it is process 1, which no signal ends by itself.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
}

function readOptions(argv: readonly string[]) {
  try {
    const { values } = parseArgs({ args: [...argv], options: OPTIONS })
    if (!/^\d{1,5}$/.test(values.port)) throw new Error('--port must be a number')
    if (!/^[^=]/.test(values.label)) throw new Error('--label needs a name')
    return values
  } catch (error) {
    return giveUp(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`, 2)
  }
}

function labelOf(text: string): Label {
  const equals = text.indexOf('=')
  if (equals < 0) return { name: text, value: undefined }
  return { name: text.slice(0, equals), value: text.slice(equals + 1) }
}

function giveUp(message: string, exitCode: number): never {
  process.stderr.write(`gatehouse socket-proxy: ${message}\n`)
  process.exit(exitCode)
}
