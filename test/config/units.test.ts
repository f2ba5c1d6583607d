import fc from 'fast-check'
import t from 'tap'
import { DURATION_PATTERN, parseDuration, parseSize, SIZE_PATTERN } from '../../src/config/units.js'

t.test('a duration is a number and a unit', async (t) => {
  const known = {
    '250ms': 250,
    '10s': 10_000,
    '15m': 900_000,
    '1.5h': 5_400_000,
    '2d': 172_800_000,
  }
  for (const [text, ms] of Object.entries(known)) t.equal(parseDuration(text), ms, text)
})

t.test('only 0 is a duration without a unit', async (t) => {
  t.equal(parseDuration(0), 0)
  t.equal(parseDuration('0'), 0)
  for (const bad of [5, '5', '', 's', '-1s', '1 s', '1S', '1e3s', '.5s']) {
    t.equal(parseDuration(bad), undefined, String(bad))
  }
})

t.test('a duration longer than a timer of Node can wait is refused', async (t) => {
  t.equal(parseDuration('24d'), 2_073_600_000)
  t.equal(parseDuration('25d'), undefined)
})

t.test('a size is a number and a unit, or a whole number of bytes', async (t) => {
  const known = { '1B': 1, '32KiB': 32_768, '1.5GiB': 1_610_612_736, '1TiB': 2 ** 40, '2GB': 2e9 }
  for (const [text, bytes] of Object.entries(known)) t.equal(parseSize(text), bytes, text)
  t.equal(parseSize(0), 0)
  t.equal(parseSize(1024), 1024)
  t.equal(parseSize('1024'), 1024)
})

t.test('what is no size is refused', async (t) => {
  for (const bad of [1.5, -1, Number.POSITIVE_INFINITY, '5gb', '1.5', '5 GiB', '', '9999999TiB']) {
    t.equal(parseSize(bad), undefined, String(bad))
  }
})

t.test('the patterns for editors accept whatever is parsed', async () => {
  const amounts = fc.oneof(fc.nat().map(String), fc.double({ min: 0, max: 1e6 }).map(String))
  const units = fc.constantFrom('', 'ms', 's', 'm', 'h', 'd', 'B', 'KiB', 'MiB', 'GB', 'x')
  fc.assert(
    fc.property(amounts, units, (amount, unit) => {
      const text = amount + unit
      if (parseDuration(text) !== undefined && !new RegExp(DURATION_PATTERN).test(text))
        return false
      return parseSize(text) === undefined || new RegExp(SIZE_PATTERN).test(text)
    }),
  )
})
