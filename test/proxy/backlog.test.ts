import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import t from 'tap'
import { Backlog } from '../../src/proxy/backlog.js'

const MIB = 1024 * 1024

/** A reply with so much that its client has not taken yet. */
function reply(writableLength: number) {
  const raw = Object.assign(new EventEmitter(), { writableLength, destroyed: false })
  return raw as typeof raw & ServerResponse
}

t.test('one reply may lag by 8 MiB', async (t) => {
  const backlog = new Backlog()
  t.ok(backlog.allows(reply(8 * MIB)))
  t.notOk(backlog.allows(reply(8 * MIB + 1)))
})

t.test('all replies may lag by 64 MiB together', async (t) => {
  const backlog = new Backlog()
  const replies = Array.from({ length: 8 }, () => reply(8 * MIB))
  for (const each of replies) t.ok(backlog.allows(each))
  const last = reply(1)
  t.notOk(backlog.allows(last))
  replies[0]?.emit('close')
  t.ok(backlog.allows(last), 'what is over counts no more')
  t.ok(backlog.allows(last), 'and a reply that asks twice counts once')
})

t.test('a reply whose client is gone is not read for', async (t) => {
  const raw = Object.assign(reply(0), { destroyed: true })
  t.notOk(new Backlog().allows(raw as typeof raw & ServerResponse))
  t.equal(raw.listenerCount('close'), 0)
})

t.test('a reply that asks often is listened to once', async (t) => {
  const backlog = new Backlog()
  const raw = reply(1)
  for (let asked = 0; asked < 20; asked += 1) backlog.allows(raw)
  t.equal(raw.listenerCount('close'), 1)
})
