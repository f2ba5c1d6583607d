import type { Status } from '../admin/status.js'
import { sizeText } from '../memory/amounts.js'
import { amountsText } from '../memory/explain.js'
import { layOut } from './table.js'

const BAR_WIDTH = 24
const UNKNOWN = '?'

/** How the gateway is, for a person: devices with bars, backends, who waits for what. */
export function statusText(status: Status): string {
  const parts = [devicesText(status), backendsText(status), waitingText(status)]
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

/** `#`: held by backends; `+`: by other programs; `.`: reserved and not held yet; `-`: free. */
function devicesText({ devices }: Status): string[] {
  const rows = devices.map((device) => {
    const { name, model = '', totalBytes, usedBytes, reservedBytes, othersBytes } = device
    return [
      name,
      bar(device),
      `${size(usedBytes)} of ${size(totalBytes)} used`,
      `${sizeText(reservedBytes)} reserved`,
      othersBytes === undefined ? '' : `${sizeText(othersBytes)} by others`,
      model,
    ]
  })
  return layOut(rows)
}

function bar(device: Status['devices'][number]): string {
  const { totalBytes, usedBytes = 0, reservedBytes, othersBytes = 0 } = device
  if (!totalBytes) return `[${' '.repeat(BAR_WIDTH)}]`
  const cells = (bytes: number) => Math.round((bytes / totalBytes) * BAR_WIDTH)
  const held = cells(Math.max(0, usedBytes - othersBytes))
  const reserved = Math.max(0, cells(reservedBytes) - held)
  const others = cells(othersBytes)
  const drawn = '#'.repeat(held) + '.'.repeat(reserved) + '+'.repeat(others)
  return `[${drawn.slice(0, BAR_WIDTH).padEnd(BAR_WIDTH, '-')}]`
}

function backendsText({ backends }: Status): string[] {
  const rows = backends.map(
    ({ name, state, waiting, entering, inFlight, waitMs, memory, reason }) => [
      name,
      state,
      String(inFlight),
      String(waiting + entering),
      waitMs === undefined ? UNKNOWN : `${Math.ceil(waitMs / 1000)} s`,
      memory.map(heldText).join(', ') || '-',
      reason,
    ],
  )
  const head = ['backend', 'state', 'runs', 'waits', 'next turn in', 'memory', 'why']
  return rows.length > 0 ? layOut([head, ...rows]) : []
}

function heldText(held: Status['backends'][number]['memory'][number]): string {
  const { device, declaredBytes, reservedBytes, seenBytes, peakBytes } = held
  const words = [
    ...(declaredBytes === undefined ? [] : [`declared ${sizeText(declaredBytes)}`]),
    ...(reservedBytes > 0 ? [`reserved ${sizeText(reservedBytes)}`] : []),
    ...(seenBytes === undefined ? [] : [`seen ${sizeText(seenBytes)}`]),
    ...(peakBytes > 0 ? [`peak ${sizeText(peakBytes)}`] : []),
  ]
  return `${device}: ${words.join(' ') || UNKNOWN}`
}

function waitingText({ waitingForMemory }: Status): string[] {
  return waitingForMemory.map(({ backend, waitedMs, needs, behind, etaMs }) => {
    const wanted = needs.map(amountsText).join(' or ')
    const whom = behind.length > 0 ? `, held by ${behind.join(' and ')}` : ''
    const rest = etaMs === undefined ? '' : `, about ${Math.ceil(etaMs / 1000)} s to go`
    return `${backend} waits for ${wanted}${whom}: ${Math.round(waitedMs / 1000)} s so far${rest}`
  })
}

function size(bytes: number | undefined): string {
  return bytes === undefined ? UNKNOWN : sizeText(bytes)
}
