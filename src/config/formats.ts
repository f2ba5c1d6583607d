import { isIP } from 'node:net'
import { WORKLOADS } from './config.js'
import { parseDuration, parseSize } from './units.js'

export const DURATION_TITLE = 'a duration like "30s" or "15m"'
export const SIZE_TITLE = 'a size like "512MiB" or "1.5GiB"'
export const TARGET_TITLE = `a workload (${WORKLOADS.join(', ')}) or "backend:NAME"`
export const SIZE_OR_AUTO_TITLE = `"auto" or ${SIZE_TITLE}`

/** The formats that the schema uses beside the standard's own keywords. */
export const FORMATS = {
  'gatehouse-duration': (text: string) => parseDuration(text) !== undefined,
  'gatehouse-size': (text: string) => parseSize(text) !== undefined,
  'gatehouse-network': isNetwork,
}

function isNetwork(text: string): boolean {
  const [, address = '', bits = '0'] = /^([^/]+)(?:\/([0-9]{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128)
}
