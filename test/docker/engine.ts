import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The image of Gatehouse that test/docker/run has built. */
export const IMAGE = process.env.GATEHOUSE_IMAGE ?? ''
/** The socket of the engine that it has started. */
export const SOCKET = (process.env.DOCKER_HOST ?? '').replace('unix://', '')

export async function docker(...args: string[]): Promise<string> {
  return (await run('docker', args)).stdout.trim()
}

export async function compose(args: readonly string[], env: object = {}): Promise<string> {
  const all = ['compose', '--file', 'docker/compose.yaml', '--profile', 'siblings', ...args]
  return (await run('docker', all, { env: { ...process.env, ...env } })).stdout.trim()
}
