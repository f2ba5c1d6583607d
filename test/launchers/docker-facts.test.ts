import type { ContainerInspectInfo } from 'dockerode'
import t from 'tap'
import { originOf } from '../../src/launchers/docker-facts.js'
import { unframed } from '../../src/launchers/docker-output.js'

const ours = {
  lo: [{ address: '127.0.0.1', cidr: '127.0.0.1/8', internal: true, family: 'IPv4' }],
  eth0: [
    { address: '172.20.0.3', cidr: '172.20.0.3/16', internal: false, family: 'IPv4' },
    { address: 'fd00::3', cidr: 'fd00::3/64', internal: false, family: 'IPv6' },
  ],
} as never

function originFor(url: string, ...networks: { IPAddress?: string; GlobalIPv6Address?: string }[]) {
  const { protocol, hostname: host, port } = new URL(url)
  const address = { protocol, host, port: Number(port), basePath: '' } as never
  const Networks = Object.fromEntries(networks.entries())
  return originOf(
    address,
    { NetworkSettings: { Networks } } as unknown as ContainerInspectInfo,
    ours,
  )
}

t.test('a container is dialled at its own address in a network that we are in', async (t) => {
  t.equal(originFor('http://text:5001', { IPAddress: '172.20.0.9' }), 'http://172.20.0.9:5001')
  t.equal(
    originFor('http://text:5001', { IPAddress: '172.21.0.9' }, { IPAddress: '172.20.255.9' }),
    'http://172.20.255.9:5001',
  )
  t.equal(
    originFor('http://text:5001', { IPAddress: '', GlobalIPv6Address: 'fd00::9' }),
    'http://[fd00::9]:5001',
  )
})

t.test('where we are in none of its networks its url is dialled as it is written', async (t) => {
  t.equal(originFor('http://text:5001'), 'http://text:5001')
  t.equal(originFor('http://text:5001', { IPAddress: '172.21.0.9' }), 'http://text:5001')
  t.equal(originFor('http://text:5001', { IPAddress: '' }), 'http://text:5001')
})

t.test(
  'an address in its url is taken by its word, and a name that a certificate has',
  async (t) => {
    const near = { IPAddress: '172.20.0.9' }
    t.equal(originFor('http://127.0.0.1:8081', near), 'http://127.0.0.1:8081')
    t.equal(originFor('http://[::1]:8081', near), 'http://[::1]:8081')
    t.equal(originFor('https://text:5001', near), 'https://text:5001')
  },
)

t.test('output comes out of its frames however the stream is cut', async (t) => {
  const frame = (text: string) => {
    const head = Buffer.alloc(8)
    head.writeUInt32BE(Buffer.byteLength(text), 4)
    return Buffer.concat([head, Buffer.from(text)])
  }
  const sent = Buffer.concat(['one\n', '', 'zwei \u00fc\n', 'x'.repeat(300)].map(frame))
  for (const size of [1, 2, 3, 7, 8, 9, 64, sent.length]) {
    const cut = Array.from({ length: Math.ceil(sent.length / size) }, (_, at) =>
      sent.subarray(at * size, (at + 1) * size),
    )
    const parts: Buffer[] = []
    for await (const part of unframed(asStream(cut))) parts.push(part)
    t.equal(Buffer.concat(parts).toString(), `one\nzwei \u00fc\n${'x'.repeat(300)}`)
  }
})

async function* asStream(parts: readonly Buffer[]) {
  yield* parts
}
