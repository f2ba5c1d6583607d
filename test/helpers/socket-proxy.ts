import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import { createSocketProxy } from '../../src/socket-proxy/server.js'
import { startFakeEngine } from './fake-engine.js'
import { tempFolder } from './gateway.js'

export const LABELS = { 'gatehouse.backend': 'true' }

/** A socket proxy in front of an engine, and what DOCKER_HOST has to be to reach the engine through it. */
export async function startSocketProxy(t: Test) {
  const socketPath = join(tempFolder(t), 'docker.sock')
  const { engine } = await startFakeEngine(t, { socket: socketPath })
  const refused: string[] = []
  const server = createSocketProxy({
    socketPath,
    label: { name: 'gatehouse.backend', value: 'true' },
    onRefusal: (call) => void refused.push(call),
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { engine, refused, port, dockerHost: `tcp://127.0.0.1:${port}` }
}
