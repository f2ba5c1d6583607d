import t from 'tap'
import { errorTable, GatehouseError, hasCode } from '../src/errors.js'

t.test('an error fills its facts into its text and has the status of its code', (t) => {
  const cause = new Error('the cause')
  const error = new GatehouseError('GATEHOUSE_START_FAILED', {
    values: { backend: 'text', reason: 'out of memory' },
    retryAfterSeconds: 3,
    cause,
  })
  t.equal(error.message, 'The text backend could not start: out of memory.')
  t.match(error, { code: 'GATEHOUSE_START_FAILED', statusCode: 502, retryAfterSeconds: 3, cause })
  t.equal(error.name, 'GatehouseError')
  t.end()
})

t.test('0 is filled in like any other value, and a place without a value stays', (t) => {
  const error = new GatehouseError('GATEHOUSE_BACKING_OFF', { values: { seconds: 0 } })
  t.match(error.message, '{backend} backend failed and is tried again in 0 s')
  t.equal(error.retryAfterSeconds, undefined)
  t.notOk('cause' in error, 'an error without a cause has none')
  t.end()
})

t.test('braces in a value are not filled in again', (t) => {
  const values = { backend: '{reason}', reason: '$& $1 {backend}' }
  const error = new GatehouseError('GATEHOUSE_START_FAILED', { values })
  t.equal(error.message, 'The {reason} backend could not start: $& $1 {backend}.')
  t.end()
})

t.test('only our own error with this very code has the code', (t) => {
  t.ok(hasCode(new GatehouseError('GATEHOUSE_BUSY'), 'GATEHOUSE_BUSY'))
  t.notOk(hasCode(new GatehouseError('GATEHOUSE_BUSY'), 'GATEHOUSE_STOPPING'))
  t.notOk(hasCode(Object.assign(new Error(), { code: 'GATEHOUSE_BUSY' }), 'GATEHOUSE_BUSY'))
  for (const thing of [undefined, null, 'GATEHOUSE_BUSY', {}]) {
    t.notOk(hasCode(thing, 'GATEHOUSE_BUSY'))
  }
  t.end()
})

t.test('the table names every error once, as a sentence with an HTTP error status', (t) => {
  const rows = errorTable()
  t.equal(new Set(rows.map(({ code }) => code)).size, rows.length)
  for (const { code, status, text } of rows) {
    t.match(code, /^GATEHOUSE_[A-Z_]+$/)
    t.ok(status >= 400 && status < 600, `${code} has status ${status}`)
    t.match(text, /^[A-Z].*\.$/, `${code} is a sentence`)
  }
  t.end()
})
