import type { BackendSettings } from './backend-schema.js'
import { ANY_GPU, gpuNumber } from './config.js'
import { memoryByDevice } from './memory-by-device.js'
import { suggestion } from './nearest.js'
import type { Path } from './path.js'
import type { Report } from './report.js'
import type { DeviceSettings, Settings } from './schema.js'
import { parseSize } from './units.js'

type Devices = Settings['devices']

/** Every amount of memory is asked of a device that exists and has as much. */
export function checkMemory({ backends, devices }: Settings, report: Report): void {
  for (const [name, device] of Object.entries(devices)) checkDevice(name, device, report)
  for (const [name, backend] of Object.entries(backends)) {
    const path = ['backends', name]
    checkAmounts(backend, path, { devices, report })
    checkShares(backend, path, { devices, report })
  }
  checkKept(backends, { devices, report })
}

interface Checking {
  readonly devices: Devices
  readonly report: Report
}

/** The driver can be asked only for what it can be told which device is meant. */
function checkDevice(name: string, { memory, id }: DeviceSettings, report: Report): void {
  if (memory !== 'auto' || id !== undefined) return
  if (name === 'ram' || gpuNumber(name) !== undefined) return
  const hint = 'name it gpu0, gpu1, ... or ram, or say which one it is by its "id"'
  report.fault({ path: ['devices', name, 'memory'], expected: 'a size like "8GiB"', hint })
}

function checkAmounts({ memory }: BackendSettings, at: Path, { devices, report }: Checking): void {
  if (memory === 'auto') {
    checkAuto([...at, 'memory'], { devices, report })
    return
  }
  for (const [device, amount] of Object.entries(memory)) {
    const path = [...at, 'memory', device]
    if (device === ANY_GPU) checkAnyGpu(amount, path, { devices, report })
    else checkAmount(amount, path, { devices, report })
  }
}

function checkAuto(path: Path, { devices, report }: Checking): void {
  const [device = ''] = Object.keys(memoryByDevice('auto', Object.keys(devices)))
  if (device !== ANY_GPU && !Object.hasOwn(devices, device)) reportNoDevice(path, report)
}

function reportNoDevice(path: Path, report: Report): void {
  const hint = '"devices" lists neither a card such as gpu0 nor ram'
  report.fault({ path, expected: 'an object of sizes by device', hint })
}

/** A card is enough that has as much. */
function checkAnyGpu(amount: string | number, path: Path, { devices, report }: Checking): void {
  const cards = Object.entries(devices).filter(([name]) => gpuNumber(name) !== undefined)
  if (cards.length === 0) {
    const hint = 'no card such as gpu0 is listed there'
    report.faultyKey({ path, expected: 'the name of one of "devices"', hint }, undefined)
  } else if (cards.every(([, card]) => bytes(amount) > roomOf(card))) {
    report.fault({ path, expected: 'at most the memory of a card less its keepFree' })
  }
}

function checkAmount(amount: string | number, path: Path, { devices, report }: Checking): void {
  const device = String(path.at(-1))
  const has = Object.hasOwn(devices, device) ? devices[device] : undefined
  if (has === undefined) checkUnknown(path, Object.keys(devices), report)
  else if (bytes(amount) > roomOf(has)) reportShortage(path, report)
}

function checkShares(backend: BackendSettings, at: Path, { devices, report }: Checking): void {
  const declared = memoryByDevice(backend.memory, Object.keys(devices))
  for (const device of Object.keys(backend.share)) {
    const path = [...at, 'share', device]
    if (!Object.hasOwn(devices, device)) checkUnknown(path, Object.keys(devices), report)
    else if (Object.hasOwn(declared, device)) {
      report.fault({ path, expected: 'a device that "memory" of this backend does not name' })
    }
  }
}

/** What is never stopped to make room for another must fit in together, or some of it could never start. */
function checkKept(backends: Settings['backends'], { devices, report }: Checking): void {
  const kept = Object.entries(backends).filter(([, backend]) => isKept(backend))
  for (const [device, has] of Object.entries(devices)) {
    let left = roomOf(has)
    for (const [name, backend] of kept) {
      const amount = reserved(backend, device, has)
      if (amount > roomOf(has)) continue // that has been reported
      if (amount > Math.max(left, 0)) reportKept([name, device], backend, report)
      left -= amount
    }
  }
}

function reportKept([name, device]: [string, string], { share }: BackendSettings, report: Report) {
  const where = Object.hasOwn(share, device) ? 'share' : 'memory'
  const path = ['backends', name, where, device]
  const others = 'the other backends that are kept loaded or external'
  report.fault({ path, expected: `at most what ${others} leave of devices.${device}` })
}

/** External backends are never stopped either. */
function isKept({ keepLoaded, process }: BackendSettings): boolean {
  return keepLoaded || process === undefined
}

function reserved({ memory, share }: BackendSettings, device: string, has: DeviceSettings): number {
  const part = Object.hasOwn(share, device) ? (share[device] ?? 0) : 0
  if (part > 0) return has.memory === 'auto' ? 0 : part * bytes(has.memory)
  if (memory === 'auto' || !Object.hasOwn(memory, device)) return 0
  return bytes(memory[device] ?? 0)
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

/** 0 for `auto`. */
function bytes(size: string | number): number {
  return parseSize(size) ?? 0
}
