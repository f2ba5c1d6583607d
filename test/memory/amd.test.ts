import t, { type Test } from 'tap'
import { amdSource } from '../../src/memory/devices/amd.js'
import { addressOf } from '../../src/memory/devices/kfd.js'

const GIB = 2 ** 30

type Tree = Readonly<Record<string, string | object>>

/** The folder of a card as amdgpu shows it. */
function device(address: string, minor: number, more: Tree = {}): Tree {
  return {
    device: {
      uevent: `DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_ID=1002:744C\nPCI_SLOT_NAME=${address}\n`,
      mem_info_vram_total: `${24 * GIB}\n`,
      mem_info_vram_used: `${2 * GIB}\n`,
      drm: { [`renderD${minor}`]: {} },
      ...more,
    },
  }
}

/** A node of the topology with the properties that tell where it is. */
function node(gpuId: number, properties: Readonly<Record<string, number>>): Tree {
  const lines = Object.entries(properties).map(([name, value]) => `${name} ${value}\n`)
  return { gpu_id: `${gpuId}\n`, properties: `cpu_cores_count 0\n${lines.join('')}` }
}

const processor = () => node(0, { drm_render_minor: 0, location_id: 0 })

interface Machine {
  readonly drm?: Tree
  readonly nodes?: Tree
  readonly proc?: Tree
}

async function read(t: Test, { drm = {}, nodes, proc }: Machine) {
  const kfd = { ...(nodes && { topology: { nodes } }), ...(proc && { proc }) }
  const files = { sys: { class: { drm, kfd: { kfd } } } } as Parameters<Test['testdir']>[0]
  const root = t.testdir(files)
  return await amdSource({ root }).read(new AbortController().signal)
}

t.test('a machine without cards of AMD has none', async (t) => {
  t.same(await amdSource({ root: t.testdir({}) }).read(new AbortController().signal), [])
  const other = { device: { uevent: 'DRIVER=i915\nPCI_SLOT_NAME=0000:00:02.0\n' } }
  t.same(await read(t, { drm: { card0: other, 'card0-DP-1': {}, renderD128: {} } }), [])
})

t.test('a card is told with its memory and what each process holds of it', async (t) => {
  const [card] = await read(t, {
    drm: { card1: device('0000:03:00.0', 128, { product_name: 'Radeon RX 7900 XTX\n' }) },
    nodes: {
      0: processor(),
      1: node(51110, { drm_render_minor: 128, location_id: 768, domain: 0 }),
    },
    proc: { 4242: { vram_51110: `${GIB}\n`, sdma_51110: '9\n' }, 77: { vram_51110: '4096\n' } },
  })
  t.match(card, {
    id: '0000:03:00.0',
    kind: 'amd',
    name: 'Radeon RX 7900 XTX',
    totalBytes: 24 * GIB,
    usedBytes: 2 * GIB,
    select: { HIP_VISIBLE_DEVICES: '0' },
  })
  t.same(
    card?.byPid,
    new Map([
      [77, 4096],
      [4242, GIB],
    ]),
  )
})

t.test(
  'cards are numbered for HIP as the topology is, and not as the system numbers them',
  async (t) => {
    const cards = await read(t, {
      drm: {
        card10: device('0000:83:00.0', 130),
        card2: device('0001:03:00.0', 129),
        card1: device('0000:0c:00.0', 128),
      },
      nodes: {
        0: processor(),
        1: processor(),
        2: node(900, { drm_render_minor: 130, location_id: 0x8300 }),
        10: node(901, { drm_render_minor: 129, location_id: 0x300, domain: 1 }),
        9: node(902, { drm_render_minor: 128, location_id: 0xc00 }),
      },
      proc: { 5: { vram_901: '70\n', vram_900: '3\n' } },
    })
    t.same(
      cards.map(({ id, select }) => [id, select.HIP_VISIBLE_DEVICES]),
      [
        ['0000:0c:00.0', '1'],
        ['0001:03:00.0', '2'],
        ['0000:83:00.0', '0'],
      ],
    )
    t.same(
      cards.map(({ byPid }) => [...(byPid ?? [])]),
      [[], [[5, 70]], [[5, 3]]],
      'a process on two cards counts on each',
    )
  },
)

t.test(
  'a kernel that does not number the renderers is understood by the place of the card',
  async (t) => {
    const cards = await read(t, {
      drm: { card0: device('0000:0c:00.1', 128), card1: device('0002:0c:00.1', 129) },
      nodes: { 1: node(7, { location_id: 0xc01, domain: 2 }), 2: node(8, { location_id: 0xc01 }) },
      proc: {},
    })
    t.same(
      cards.map(({ select }) => select),
      [{ HIP_VISIBLE_DEVICES: '1' }, { HIP_VISIBLE_DEVICES: '0' }],
    )
    t.equal(addressOf(0, 0xc1fa), '0000:c1:1f.2')
    t.equal(addressOf(0x10000, 0), '10000:00:00.0')
  },
)

t.test(
  'without the compute driver processes are not told, and nothing can be selected',
  async (t) => {
    const [card] = await read(t, { drm: { card0: device('0000:03:00.0', 128) } })
    t.match(card, { byPid: undefined, name: 'AMD 1002:744C' })
    t.same(card?.select, {})
    const [old] = await read(t, {
      drm: { card0: device('0000:03:00.0', 128) },
      nodes: { 1: node(51110, { drm_render_minor: 128 }) },
    })
    t.match(old, { byPid: undefined, select: { HIP_VISIBLE_DEVICES: '0' } }, 'before Linux 5.9')
  },
)

t.test('a chip in the processor is told with the memory that is set aside for it', async (t) => {
  const small = { mem_info_vram_total: `${GIB / 2}\n`, mem_info_vram_used: `${GIB / 4}\n` }
  const [card] = await read(t, {
    drm: { card0: device('0000:c4:00.0', 128, { ...small, mem_info_gtt_total: `${16 * GIB}\n` }) },
  })
  t.match(card, { totalBytes: GIB / 2, usedBytes: GIB / 4 })
})

t.test('a card that cannot be read, or is just going, is left out', async (t) => {
  const cards = await read(t, {
    drm: {
      card0: device('0000:03:00.0', 128, { mem_info_vram_used: '' }),
      card1: device('0000:04:00.0', 129, { mem_info_vram_total: 'what\n' }),
      card2: device('0000:05:00.0', 130),
    },
    nodes: { 1: { gpu_id: '5\n' }, 2: { properties: '' } },
    proc: { 9: { vram_5: 'x\n' }, queues: {} },
  })
  t.same(
    cards.map(({ id, byPid, select }) => ({ id, byPid, select })),
    [{ id: '0000:05:00.0', byPid: undefined, select: {} }],
  )
})
