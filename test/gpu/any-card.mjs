// Any one of two real NVIDIA cards of about 140 GB: who is put where, and sees what. Usage: node test/gpu/any-card.mjs FOLDER
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { model, startGateway } from './gateway.mjs'

const out = process.argv[2] ?? '/tmp/gatehouse-any-card'
let faults = 0

function check(what, isSo, facts) {
  if (!isSo) faults += 1
  process.stdout.write(`${isSo ? 'ok    ' : 'NOT OK'} ${what} ${JSON.stringify(facts)}\n`)
}

const FORMAT = '--format=csv,noheader,nounits'
const smi = (query) => execFileSync('nvidia-smi', [query, FORMAT], { encoding: 'utf8' }).trim()
const usedGib = () =>
  smi('--query-gpu=memory.used')
    .split('\n')
    .map((mib) => Math.round(Number(mib) / 102.4) / 10)
const uuids = smi('--query-gpu=uuid').split('\n')

const backends = {
  first: model(90, { memory: { gpu: '91GiB' } }),
  second: model(90, { memory: { gpu: '91GiB' } }),
  third: model(30, { memory: 'auto' }),
  // A card that is named in `memory` is for the program itself to find: it is not told by us.
  fourth: { ...model(100, { memory: { gpu1: '101GiB' } }) },
}
backends.fourth.process.env = { CUDA_VISIBLE_DEVICES: uuids[1] }
mkdirSync(out, { recursive: true })
const gateway = await startGateway(join(out, 'gateway'), {
  devices: {
    gpu0: { memory: 'auto', keepFree: '1GiB' },
    gpu1: { memory: 'auto', keepFree: '1GiB' },
  },
  scheduling: { minResidency: '1s', patience: '5s' },
  backends,
  routes: Object.keys(backends).map((name) => ({
    path: `/${name}/*`,
    to: `backend:${name}`,
    stripPrefix: true,
  })),
})
const stateOf = (status, name) => status.backends.find((backend) => backend.name === name)?.state
try {
  const [first, second] = await Promise.all([gateway.ask('first'), gateway.ask('second')])
  const visible = [first, second].map(({ text }) => JSON.parse(text).visible)
  check(
    'two that fit on no card together start at once, each on one of its own',
    new Set(visible).size === 2,
    visible,
  )
  check(
    'each sees the card that it was given, by its UUID',
    visible.every((one) => uuids.includes(one)),
    uuids,
  )
  check(
    'each card has one of them',
    usedGib().every((gib) => gib > 89 && gib < 93),
    usedGib(),
  )
  writeFileSync(
    join(out, 'two-cards.gpu.csv'),
    smi('--query-gpu=index,uuid,pci.bus_id,name,memory.total,memory.used,memory.free'),
  )
  writeFileSync(
    join(out, 'two-cards.apps.csv'),
    smi('--query-compute-apps=gpu_uuid,pid,used_memory'),
  )
  const third = await gateway.ask('third')
  const status = await gateway.status()
  const alone = ['first', 'second'].filter((name) => stateOf(status, name) === 'ready')
  check(
    'one of which nothing is known has a card to itself once',
    third.status === 200 && alone.length === 1,
    { used: usedGib(), alone },
  )
  const again = await gateway.ask(alone[0] === 'first' ? 'second' : 'first')
  const learned = await gateway.status()
  check(
    'and is known to leave room for another afterwards',
    again.status === 200 && stateOf(learned, 'third') === 'ready',
    { used: usedGib(), third: learned.backends[2].memory },
  )
  const fourth = await gateway.ask('fourth')
  check('one that names its card has it', fourth.status === 200 && usedGib()[1] > 99, {
    used: usedGib(),
  })
} finally {
  await gateway.stop()
  writeFileSync(join(out, 'log.json'), gateway.lines.map((line) => JSON.stringify(line)).join('\n'))
}
process.exit(faults === 0 ? 0 : 1)
