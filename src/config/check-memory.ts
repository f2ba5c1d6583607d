import { suggestion } from './nearest.js'
import type { Path } from './path.js'
import type { Report } from './report.js'
import type { DeviceSettings, Settings } from './schema.js'
import { parseSize } from './units.js'

/** Every amount of memory is asked of a device that exists and has as much. */
export function checkMemory({ backends, devices }: Settings, report: Report): void {
  for (const [backend, { memory }] of Object.entries(backends)) {
    for (const [device, amount] of Object.entries(memory)) {
      checkAmount(amount, ['backends', backend, 'memory', device], { devices, report })
    }
  }
}

function checkAmount(
  amount: string | number,
  path: Path,
  { devices, report }: { devices: Settings['devices']; report: Report },
): void {
  const device = String(path.at(-1))
  const has = Object.hasOwn(devices, device) ? devices[device] : undefined
  if (has === undefined) checkUnknown(path, Object.keys(devices), report)
  else if (bytes(amount) > roomOf(has)) reportShortage(path, report)
}

function checkUnknown(path: Path, devices: readonly string[], report: Report): void {
  const device = String(path.at(-1))
  if (report.isFaulty(['devices', device])) return
  const known = devices.length > 0 ? `known: ${devices.join(', ')}` : 'none are listed there'
  const hint = suggestion(device, devices) ?? known
  report.faultyKey({ path, expected: 'the name of one of "devices"', hint }, undefined)
}

/** The limit is told by pointing at the device: its numbers may come from the environment. */
function reportShortage(path: Path, report: Report): void {
  const device = `devices.${String(path.at(-1))}`
  report.fault({ path, expected: `at most ${device}.memory less its keepFree` })
}

function roomOf({ memory, keepFree }: DeviceSettings): number {
  return memory === 'auto' ? Number.POSITIVE_INFINITY : bytes(memory) - bytes(keepFree)
}

function bytes(size: string | number): number {
  return parseSize(size) ?? 0
}
