import fc from 'fast-check'
import t from 'tap'
import { StopScanner } from '../../src/sample/text/stop-scanner.js'

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c') })

t.test('however a text is cut into pieces, all of it before the first stop goes out', async () => {
  fc.assert(
    fc.property(fc.array(letters), fc.array(letters, { maxLength: 3 }), (pieces, stops) => {
      const scanner = new StopScanner(stops)
      let out = ''
      for (const piece of pieces) {
        out += scanner.push(piece)
        if (scanner.hasStopped) break
      }
      out += scanner.flush()
      const text = pieces.join('')
      const found = stops.filter((stop) => stop !== '' && text.includes(stop))
      if (!scanner.hasStopped) return found.length === 0 && out === text
      return (
        found.some((stop) => text.startsWith(out + stop)) &&
        !stops.some((stop) => stop !== '' && out.includes(stop))
      )
    }),
  )
})

t.test('what may yet become a stop is held back', async (t) => {
  const scanner = new StopScanner(['END'])
  t.equal(scanner.push('the E'), 'the ')
  t.equal(scanner.push('N'), '')
  t.equal(scanner.push('A'), 'ENA')
})
