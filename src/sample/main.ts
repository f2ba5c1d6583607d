import { closeSync } from 'node:fs'
import { playLoad, print } from './load.js'
import { forkChild, takeMemory } from './misbehave.js'
import { parseOptions, type SampleOptions, UsageError } from './options.js'
import { type SampleServer, startSampleServer } from './server.js'
import { USAGE } from './usage.js'

const STDOUT = 1

/** Runs the sample backend with the arguments after `sample-backend`. Resolves when it listens; ends the process itself. */
export async function runSampleBackend(argv: readonly string[]): Promise<void> {
  const options = readOptions(argv)
  misbehaveAtStart(options)
  await playLoad(options)
  exitInsteadOfListening(options)
  // Printed before the bind, as KoboldCpp does: the line is a hint and no proof.
  print(`======\nPlease connect to custom endpoint at http://${options.host}:${options.port}`)
  const server = await listen(options)
  if (!options.misdeeds.ignoreSigterm) process.once('SIGINT', () => void finish(server))
  if (options.misdeeds.closeStdout) closeSync(STDOUT)
}

function readOptions(argv: readonly string[]): SampleOptions {
  try {
    const options = parseOptions(argv)
    if (options !== 'help') return options
    process.stdout.write(USAGE)
    process.exit(0)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`${USAGE}\n${error.message}\n`)
    process.exit(2)
  }
}

function misbehaveAtStart({ misdeeds }: SampleOptions): void {
  if (misdeeds.ignoreSigterm) {
    process.on('SIGTERM', () => undefined)
    process.on('SIGINT', () => undefined)
  }
  if (misdeeds.fork) forkChild()
  if (misdeeds.takeMemoryMib > 0) takeMemory(misdeeds.takeMemoryMib)
}

function exitInsteadOfListening({ misdeeds }: SampleOptions): void {
  if (misdeeds.failLoad !== undefined) {
    process.stderr.write(`${misdeeds.failLoad}\n`)
    process.exit(3)
  }
  if (misdeeds.exitBeforeReady !== undefined) process.exit(misdeeds.exitBeforeReady)
}

async function listen(options: SampleOptions): Promise<SampleServer> {
  try {
    return await startSampleServer(options)
  } catch (error) {
    // KoboldCpp 1.116 finds its port taken only after the whole load, and then exits with 0.
    print(`Warning: Port ${options.port} already appears to be in use.\n${error}`)
    process.exit(0)
  }
}

/** What SIGINT does: the running generation ends first. */
async function finish(server: SampleServer): Promise<never> {
  await server.finishRunning()
  process.exit(0)
}
