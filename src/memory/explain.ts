import { type Amounts, sizeText } from './amounts.js'
import type { Tenant } from './plan.js'

const STANDS: Readonly<Record<Tenant['is'], string>> = {
  idle: 'idle',
  busy: 'at work or starting',
  young: 'just started',
  leaving: 'being stopped',
  fixed: 'not to be stopped',
}

/** `5GiB of gpu0 and 2GiB of ram` */
export function amountsText(amounts: Amounts): string {
  const words = Object.entries(amounts).map(([device, bytes]) => `${sizeText(bytes)} of ${device}`)
  return words.join(' and ') || 'no memory'
}

export interface Scene {
  readonly tenants: readonly Tenant[]
  /** What other programs hold, by device. */
  readonly others: Amounts
}

/** Who holds what of these devices, in words for a client: names of backends, no addresses. */
export function holdersText(devices: readonly string[], { tenants, others }: Scene): string {
  const parts = devices.flatMap((device) => [
    ...tenants
      .filter(({ amounts }) => (amounts[device] ?? 0) > 0)
      .map(({ name, is, amounts }) => {
        return `${name} holds ${sizeText(amounts[device] ?? 0)} of ${device} (${STANDS[is]})`
      }),
    ...((others[device] ?? 0) > 0
      ? [`other programs and the driver hold ${sizeText(others[device] ?? 0)} of ${device}`]
      : []),
  ])
  return parts.join('; ') || 'nobody holds any of it'
}
