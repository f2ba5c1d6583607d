// The memory scheduler on a real NVIDIA card with 140 GB (docs of this run: test/gpu/README.md). Ends with a report of
// what was seen, and exit code 1 if anything was not as it should be. Usage: node test/gpu/run.mjs FOLDER
import { execFileSync, spawn } from 'node:child_process'
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { model, startGateway } from './gateway.mjs'

const out = process.argv[2] ?? '/tmp/gatehouse-gpu'
const GIB = 2 ** 30
const steps = []
let faults = 0

function check(what, isSo, facts) {
  steps.push({ what, isSo, ...(facts !== undefined && { facts }) })
  if (!isSo) faults += 1
  process.stdout.write(
    `${isSo ? 'ok    ' : 'NOT OK'} ${what} ${facts === undefined ? '' : JSON.stringify(facts)}\n`,
  )
}

function smi(...args) {
  return execFileSync('nvidia-smi', args, { encoding: 'utf8' })
}

const CARD = '--query-gpu=index,uuid,pci.bus_id,name,memory.total,memory.used,memory.free'
const APPS = '--query-compute-apps=gpu_uuid,pid,used_memory'
const FORMAT = '--format=csv,noheader,nounits'
const usedGib = () => Number(smi('--query-gpu=memory.used', FORMAT, '--id=0').trim()) / 1024

/** As the gateway asks, kept as test data. */
function record(name) {
  writeFileSync(join(out, `${name}.gpu.csv`), smi(CARD, FORMAT))
  writeFileSync(join(out, `${name}.apps.csv`), smi(APPS, FORMAT))
}

function held(status, name) {
  const seen = status.backends.find((backend) => backend.name === name)?.memory[0]?.seenBytes
  return seen === undefined ? undefined : Math.round((seen / GIB) * 10) / 10
}

const stateOf = (status, name) => status.backends.find((backend) => backend.name === name)?.state

async function until(what, isSo, ms = 60_000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(100))
    if (await isSo()) return true
  check(`in time: ${what}`, false)
  return false
}

const backends = {
  small: model(20, { asChild: true, memory: 'auto' }),
  middle: model(40, { memory: { gpu0: '41GiB' } }),
  big: model(60, { memory: { gpu0: '61GiB' } }),
  liar: model(70, { memory: { gpu0: '10GiB' } }),
  giant: model(150, { memory: { gpu0: '10GiB' } }),
  greedy: model(8, { share: { gpu0: 0.1 }, onOverQuota: 'stop' }),
}
const config = {
  devices: { gpu0: { memory: '100GiB' } },
  scheduling: { minResidency: '1s', patience: '5s', maxWait: '60s' },
  backends,
  routes: Object.keys(backends).map((name) => ({
    path: `/${name}/*`,
    to: `backend:${name}`,
    stripPrefix: true,
  })),
}

mkdirSync(out, { recursive: true })
writeFileSync(join(out, 'list.txt'), smi('-L') + smi('--version'))
record('idle')
const timeline = createWriteStream(join(out, 'timeline.csv'))
const watch = spawn('nvidia-smi', ['--query-gpu=timestamp,memory.used', FORMAT, '-lms', '200'])
watch.stdout.pipe(timeline)

let gateway = await startGateway(join(out, 'gateway'), config)
try {
  const first = await gateway.ask('small')
  check('a program of 20 GiB starts, alone on the card', first.status === 200, {
    ms: first.ms,
    text: first.text.slice(0, 160),
  })
  await until('its memory is seen', async () => (held(await gateway.status(), 'small') ?? 0) > 20)
  const alone = await gateway.status()
  check(
    'what its grandchild holds is seen as its own',
    held(alone, 'small') > 20 && held(alone, 'small') < 22,
    held(alone, 'small'),
  )
  record('one')
  await sleep(1_500)
  const second = await gateway.ask('middle')
  check('40 GiB more are asked for by a second', second.status === 200, { ms: second.ms })
  const third = await gateway.ask('small')
  const both = await gateway.status()
  check(
    'the first was learned and both are there',
    third.status === 200 &&
      stateOf(both, 'small') === 'ready' &&
      stateOf(both, 'middle') === 'ready',
    { small: both.backends[0].memory, third: third.ms },
  )
  record('two')
  await sleep(1_500)
  const big = await gateway.ask('big')
  const after = await gateway.status()
  check(
    '60 GiB take the place of the one whose going suffices',
    big.status === 200 &&
      stateOf(after, 'middle') === 'stopped' &&
      stateOf(after, 'small') === 'ready',
    { ms: big.ms, used: usedGib() },
  )
  check('together they are within the quota of 100 GiB', usedGib() < 100, usedGib())

  const working = gateway.ask('big', { seconds: 6 })
  await sleep(500)
  const waiting = gateway.ask('middle')
  await sleep(3_000)
  const meanwhile = await gateway.status()
  check(
    'who works is not stopped',
    stateOf(meanwhile, 'big') === 'ready' && meanwhile.waitingForMemory.length === 1,
    meanwhile.waitingForMemory,
  )
  const [worked, waited] = [await working, await waiting]
  check(
    'its work came to its end, and the other had its turn',
    worked.status === 200 && waited.status === 200,
    { worked: worked.ms, waited: waited.ms },
  )

  const back = await gateway.ask('big')
  check('the big one is back', back.status === 200, { ms: back.ms })
  await sleep(1_500)
  const liar = await gateway.ask('liar')
  const helped = await gateway.metrics()
  const evictions = helped
    .split('\n')
    .filter((line) => line.startsWith('gatehouse_backend_evictions_total'))
  check(
    '70 GiB declared as 10 run out of memory, and once somebody made room they do not',
    liar.status === 200 && evictions.some((line) => line.includes('out-of-memory')),
    { ms: liar.ms, evictions, text: liar.text.slice(0, 200) },
  )
  await until('the wrong number is said', () => gateway.said('liar held up to'))
  const giant = await gateway.ask('giant')
  check(
    '150 GiB cannot be helped: the client is told why',
    giant.status === 503 && giant.text.includes('ran out of memory'),
    giant.text,
  )
  check(
    'what the driver said is in the log',
    gateway.lines.some(({ output }) => output?.some((line) => /CUDA out of memory/.test(line))),
  )

  const small = await gateway.ask('greedy')
  check('a share of a tenth is enough for 8 GiB', small.status === 200, small.ms)
  await gateway.ask('greedy', { gib: 5 }, '/grow')
  await until(
    'it is stopped over its quota',
    async () => stateOf(await gateway.status(), 'greedy') === 'stopped',
  )
  check(
    'who held more than its share was stopped',
    gateway.said('greedy holds'),
    (await gateway.metrics())
      .split('\n')
      .filter((line) => line.startsWith('gatehouse_backend_over_quota_total')),
  )

  await gateway.ask('middle')
  const pids = smi(APPS, FORMAT)
  record('before-kill')
  await gateway.stop('SIGKILL')
  gateway = await startGateway(join(out, 'gateway'), config)
  await until('it has adopted', async () => stateOf(await gateway.status(), 'middle') === 'ready')
  const adopted = await gateway.status()
  check(
    'after a hard kill the next gateway goes on with what is loaded, and counts it',
    adopted.devices[0].reservedBytes > 40 * GIB,
    { devices: adopted.devices, pids },
  )
  const again = await gateway.ask('big')
  check('and knows that the big one does not fit beside it', again.status === 200, {
    ms: again.ms,
    used: usedGib(),
  })
} finally {
  const begun = Date.now()
  await gateway.stop()
  check(
    'at its end nothing is left on the card',
    await until('the card is empty', () => usedGib() < 1, 10_000),
    { ms: Date.now() - begun },
  )
  watch.kill()
  writeFileSync(join(out, 'log.json'), gateway.lines.map((line) => JSON.stringify(line)).join('\n'))
  writeFileSync(join(out, 'report.json'), JSON.stringify({ steps, faults }, undefined, 2))
}
process.stdout.write(`${steps.length - faults} as they should be, ${faults} not\n`)
process.exit(faults === 0 ? 0 : 1)
