import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { claimStateFile } from '../../src/launchers/claim.js'
import { identityOf } from '../../src/launchers/process-identity.js'
import { StateFile } from '../../src/launchers/state-file.js'

const { pid, platform } = process

async function identityNow(of: number): Promise<string> {
  const identity = await identityOf(of, platform)
  if (identity === undefined) throw new Error(`process ${of} does not live`)
  return identity
}

function openState(t: Test) {
  const file = join(t.testdir({}), 'backends.json')
  return { state: new StateFile(file), again: () => new StateFile(file) }
}

/** A process that stands for another gateway, and how it is ended. */
async function otherGateway(t: Test) {
  const child = spawn('sleep', ['60'])
  t.teardown(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  const other = child.pid ?? 0
  const end = async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  return { pid: other, identity: await identityNow(other), end }
}

t.test('a file that nobody keeps is kept from now on', async (t) => {
  const { state, again } = openState(t)
  await claimStateFile(state, pid, platform)
  t.strictSame(again().gateway, { pid, identity: await identityNow(pid) })
})

t.test('a second gateway is refused while the keeper lives, and told what to do', async (t) => {
  const { state, again } = openState(t)
  const { end, ...keeper } = await otherGateway(t)
  state.claim(keeper)
  await t.rejects(claimStateFile(again(), pid, platform), {
    message:
      `another gateway (process ${keeper.pid}) runs with this configuration; ` +
      'stop it, or give this one a folder of its own with --state-dir',
  })
  t.strictSame(again().gateway, keeper, 'the keeper stays the keeper')
  await end()
  await claimStateFile(again(), pid, platform)
  t.equal(again().gateway?.pid, pid, 'once that has ended, the next one keeps it')
})

t.test('a process that only has the id of a gateway that is gone keeps nothing', async (t) => {
  const { state, again } = openState(t)
  const other = await otherGateway(t)
  state.claim({ pid: other.pid, identity: `${other.identity}0` })
  await claimStateFile(state, pid, platform)
  t.equal(again().gateway?.pid, pid)
})

t.test('a gateway may claim its own file again', async (t) => {
  const { state, again } = openState(t)
  await claimStateFile(state, pid, platform)
  await claimStateFile(again(), pid, platform)
  t.equal(again().gateway?.pid, pid)
})

t.test('a gateway that was given the id of the one before it may claim its file', async (t) => {
  const { state, again } = openState(t)
  state.claim({ pid, identity: 'of the one before' })
  await claimStateFile(state, pid, platform)
  t.strictSame(again().gateway, { pid, identity: await identityNow(pid) })
})

t.test('a claim forgets no backend of the gateway before', async (t) => {
  const { state, again } = openState(t)
  const record = { pid: 4711, identity: 'x', command: 'y', port: 1 }
  state.put('text', record)
  await claimStateFile(again(), pid, platform)
  t.strictSame(again().get('text'), record)
})
