#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { type Command, parseCommand, UsageError } from './cli/arguments.js'
import type { Running } from './cli/run.js'
import { layOut } from './cli/table.js'
import { USAGE } from './cli/usage.js'
import { ConfigError, formatFaults } from './config/config-error.js'
import { loadConfig } from './config/load.js'
import { describeRoutes } from './routing/describe-routes.js'

/** A terminal's Ctrl-C reaches us directly and once more through npm: one press, not two. */
const SAME_PRESS_MS = 500

const version = readVersion()

try {
  await execute(parseCommand(process.argv.slice(2)))
} catch (error) {
  process.exitCode = explain(error)
}

async function execute(command: Command): Promise<void> {
  switch (command.name) {
    case 'help':
      process.stdout.write(USAGE)
      return
    case 'version':
      process.stdout.write(`${version}\n`)
      return
    case 'check':
      check(command.configFile)
      return
    case 'routes':
      showRoutes(command.configFile)
      return
    case 'sample-backend': {
      const { runSampleBackend } = await import('./sample/main.js')
      return runSampleBackend(command.argv)
    }
    case 'run': {
      const { run } = await import('./cli/run.js') // the other commands need none of its libraries
      closeOnSignals(
        await run(command.options, {
          platform: process.platform,
          env: process.env,
          node: process.execPath,
          gatehouse: fileURLToPath(import.meta.url),
          version,
          stdout: process.stdout,
        }),
      )
    }
  }
}

function check(configFile: string): void {
  const { backends, routes } = loadConfig(configFile, process.env)
  const counts = `${backends.length} backends, ${routes.length} routes of your own`
  process.stdout.write(`${configFile} is valid: ${counts}.\n`)
}

function showRoutes(configFile: string): void {
  const rows = describeRoutes(loadConfig(configFile, process.env))
  process.stdout.write(`${layOut(rows).join('\n')}\n`)
}

/** The first signal lets running replies end and stops the backends; a second one ends everything at once. */
function closeOnSignals({ app, log, close }: Running): void {
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
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
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
  if (error instanceof ConfigError) {
    process.stderr.write(`${formatFaults(error)}\n`)
    return 2
  }
  process.stderr.write(`gatehouse: ${whyNotListening(error)}\n`)
  return 1
}

function whyNotListening(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (!('code' in error) || !('port' in error)) return error.stack ?? error.message
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
