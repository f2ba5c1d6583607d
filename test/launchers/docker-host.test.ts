import t from 'tap'
import { engineAddress } from '../../src/launchers/docker-host.js'
import { StartFailure } from '../../src/launchers/launcher.js'

function addressFor(
  DOCKER_HOST: string | undefined,
  platform: NodeJS.Platform = 'linux',
  env = {},
) {
  const { protocol, host, port, socketPath } = engineAddress({
    platform,
    env: { DOCKER_HOST, ...env },
  })
  return socketPath ?? `${protocol}://${host}:${port}`
}

t.test('without DOCKER_HOST the engine is at the socket of the platform', async (t) => {
  t.equal(addressFor(undefined), '/var/run/docker.sock')
  t.equal(addressFor(''), '/var/run/docker.sock')
  t.equal(addressFor(undefined, 'win32'), '//./pipe/docker_engine')
})

t.test('DOCKER_HOST is read as Docker reads it', async (t) => {
  t.equal(addressFor('unix:///run/user/1000/docker.sock'), '/run/user/1000/docker.sock')
  t.equal(addressFor('unix://'), '/var/run/docker.sock')
  t.equal(addressFor('npipe:////./pipe/other', 'win32'), '//./pipe/other')
  t.equal(addressFor('tcp://socket-proxy:2375'), 'http://socket-proxy:2375')
  t.equal(addressFor('tcp://socket-proxy'), 'http://socket-proxy:2375')
  t.equal(addressFor('https://far:2376'), 'https://far:2376')
  t.equal(addressFor('tcp://far', 'linux', { DOCKER_TLS_VERIFY: '1' }), 'https://far:2376')
})

t.test('what it cannot be, and certificates that are not there, are said', async (t) => {
  for (const wrong of ['ssh://me@far', 'socket-proxy:2375', 'tcp://']) {
    t.throws(() => addressFor(wrong), StartFailure)
  }
  const env = { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/nowhere' }
  t.throws(() => addressFor('tcp://far', 'linux', env), StartFailure)
})

t.test("the gateway's own environment fills in nothing that was not asked for", async (t) => {
  const address = engineAddress({ platform: 'linux', env: {} })
  t.strictSame(Object.keys(address).sort(), [
    ...['ca', 'cert', 'host', 'key', 'port', 'protocol', 'socketPath'],
  ])
})
