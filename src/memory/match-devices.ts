import { type DeviceConfig, gpuNumber } from '../config/config.js'
import type { DeviceReading } from './devices/reading.js'

/** Which reading is of which device of routes.json: by its id, else by the number in its name; `ram` by its name. */
export function matchDevices(
  devices: readonly DeviceConfig[],
  readings: readonly DeviceReading[],
): Map<string, DeviceReading> {
  const cards = readings.filter(({ kind }) => kind !== 'ram')
  return new Map(
    devices.flatMap((device) => {
      const reading = readingOf(device, cards, readings)
      return reading ? [[device.name, reading] as const] : []
    }),
  )
}

function readingOf(
  { name, id }: DeviceConfig,
  cards: readonly DeviceReading[],
  all: readonly DeviceReading[],
): DeviceReading | undefined {
  if (id !== undefined) {
    const meant = id.toLowerCase()
    return all.find((reading) => reading.id.toLowerCase().startsWith(meant))
  }
  if (name === 'ram') return all.find(({ kind }) => kind === 'ram')
  const number = gpuNumber(name)
  return number === undefined ? undefined : cards[number]
}
