import { suggestion } from './nearest.js'
import type { Path } from './path.js'
import type { Report } from './report.js'
import type { Settings } from './schema.js'

type Backends = Settings['backends']

/** What is started with the gateway waits for others that are too, and never in a circle. */
export function checkStarts({ backends }: Settings, report: Report): void {
  for (const [name, { startsAfter }] of Object.entries(backends)) {
    for (const [index, other] of startsAfter.entries()) {
      const path = ['backends', name, 'startsAfter', index]
      checkOther(other, backends, { path, report })
      if (waitsFor(other, name, backends)) {
        report.fault({ path, expected: `a backend that does not itself wait for "${name}"` })
      }
    }
  }
}

function checkOther(
  other: string,
  backends: Backends,
  { path, report }: { path: Path; report: Report },
): void {
  const names = Object.keys(backends)
  if (!names.includes(other)) {
    const known = { path, expected: 'the name of a backend' }
    const hint = suggestion(other, names)
    report.fault(hint === undefined ? known : { ...known, hint })
  } else if (!backends[other]?.keepLoaded) {
    report.fault({ path, expected: 'a backend with "keepLoaded": true' })
  }
}

/** Whether a backend waits for another, or is that one, over any number of others. */
function waitsFor(waiter: string, other: string, backends: Backends): boolean {
  const seen = new Set([waiter])
  for (const name of seen) {
    if (name === other) return true
    const next = Object.hasOwn(backends, name) ? backends[name]?.startsAfter : undefined
    for (const one of next ?? []) seen.add(one) // a set that grows while it is walked is walked to its end
  }
  return false
}
