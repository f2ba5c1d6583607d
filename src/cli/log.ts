import { Writable } from 'node:stream'
import pino, { type Logger } from 'pino'
import type { LogLevel } from './arguments.js'

/** JSON lines for programs. */
export function createJsonLog(level: LogLevel): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime })
}

/** Fields that the message says already; programs read them, people need not read them twice. */
const SAID = [
  ...[
    'backend',
    'from',
    'to',
    'pid',
    'reason',
    'durationMs',
    'workload',
    'route',
    'client',
    'method',
  ],
  ...['path', 'status', 'outcome', 'id', 'requestBytes', 'responseBytes', 'queueMs', 'startMs'],
  ...['firstByteMs', 'totalMs', 'events', 'signal'],
]

/** Readable lines for a person at a terminal, handed to `print` one after the other. Loads what only they need. */
export async function createPrettyLog(
  level: LogLevel,
  print: (text: string) => void,
): Promise<Logger> {
  const { default: pretty } = await import('pino-pretty')
  const destination = new Writable({
    write(chunk, _encoding, done) {
      print(String(chunk))
      done()
    },
  })
  const stream = pretty({
    destination,
    colorize: true,
    singleLine: true,
    ignore: SAID.join(','),
    translateTime: 'SYS:HH:MM:ss',
  })
  return pino({ level, base: null }, stream)
}
