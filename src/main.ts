#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { type Command, parseCommand, UsageError } from './cli/arguments.js'
import type { Running, Surroundings } from './cli/run.js'
import { USAGE } from './cli/usage.js'

/** A terminal's Ctrl-C reaches us directly and once more through npm: one press, not two. */
const SAME_PRESS_MS = 500

const version = readVersion()

try {
  await execute(parseCommand(process.argv.slice(2)))
} catch (error) {
  process.exitCode = explain(error)
}

/** Each command loads only what it needs: a sample backend is not to wait for the gateway's libraries. */
async function execute(command: Command): Promise<void> {
  switch (command.name) {
    case 'help':
      return print(USAGE)
    case 'version':
      return print(`${version}\n`)
    case 'check':
      return print((await import('./cli/inspect.js')).checkText(command.configFile, process.env))
    case 'routes':
      return print((await import('./cli/inspect.js')).routesText(command.configFile, process.env))
    case 'logs': {
      const { platform, env } = process
      return (await import('./cli/logs.js')).showLogs(command.options, { platform, env, print })
    }
    case 'status':
      return (await import('./cli/status.js')).showStatus(command.options, {
        env: process.env,
        print,
      })
    case 'sample-backend':
      return (await import('./sample/main.js')).runSampleBackend(command.argv)
    case 'socket-proxy':
      return (await import('./socket-proxy/main.js')).runSocketProxy(command.argv)
    case 'run':
      return closeOnSignals(await (await import('./cli/run.js')).run(command.options, around()))
  }
}

function print(text: string): void {
  process.stdout.write(text)
}

function around(): Surroundings {
  return {
    platform: process.platform,
    env: process.env,
    node: process.execPath,
    gatehouse: fileURLToPath(import.meta.url),
    pid: process.pid,
    version,
    stdout: process.stdout,
  }
}

/** The first signal lets running replies end and stops the backends; a second one ends everything at once. */
function closeOnSignals(running: Running): void {
  const { app, log, close, reload } = running
  let pressedAt = 0
  const onSignal = async (signal: NodeJS.Signals) => {
    const again = pressedAt > 0
    if (again && Date.now() - pressedAt < SAME_PRESS_MS) return
    pressedAt = Date.now()
    if (again) process.exit(1)
    log.info({ signal }, 'stopping; running replies may end')
    await close()
    process.exit(0)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  // A terminal that is closed takes its programs with it; without one, this signal means: read the file again.
  process.on('SIGHUP', process.stdout.isTTY ? onSignal : reload)
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, 'gatehouse failed')
      process.exit(1)
    })
  }
  process.on('exit', () => app.pool.kill())
}

/** Tells the user what went wrong, and returns the exit code. */
function explain(error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`gatehouse: ${error.message}\n\n${USAGE}`)
    return 2
  }
  if (error instanceof Error && 'code' in error && error.code === 'GATEHOUSE_CONFIG') {
    process.stderr.write(`${error.message}\n`)
    return 2
  }
  process.stderr.write(`gatehouse: ${whyNotListening(error)}\n`)
  return 1
}

function whyNotListening(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (!('code' in error) || !('port' in error)) return error.message
  if (error.code === 'EADDRINUSE') {
    return `port ${error.port} is already in use; choose another with --port`
  }
  if (error.code === 'EACCES') return `port ${error.port} may not be used (no permission)`
  return error.message
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return String((JSON.parse(text) as { version: unknown }).version)
}
