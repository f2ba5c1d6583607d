import { Counter, Gauge, type Registry } from 'prom-client'
import type { MemoryRecorder } from '../memory/recorder.js'

/** What the gauges of memory show; asked when somebody scrapes. Bytes, undefined where nobody tells. */
export interface MemoryGauges {
  devices(): readonly {
    readonly name: string
    readonly totalBytes: number | undefined
    readonly usedBytes: number | undefined
    readonly reservedBytes: number
  }[]
  backends(): readonly {
    readonly name: string
    readonly memory: readonly { readonly device: string; readonly seenBytes: number | undefined }[]
  }[]
}

/** The metrics of devices and of who holds their memory; returns what counts the events among them. */
export function createMemoryMetrics(registry: Registry, read: MemoryGauges): MemoryRecorder {
  createGauges(registry, read)
  const registers = [registry]
  const evictions = new Counter({
    name: 'gatehouse_backend_evictions_total',
    help: 'Backends stopped for the sake of memory: to make room for another, after one ran out of memory, or over its quota.',
    labelNames: ['backend', 'reason'],
    registers,
  })
  const overQuota = new Counter({
    name: 'gatehouse_backend_over_quota_total',
    help: 'Runs of a backend that were seen to hold more of a device than it may.',
    labelNames: ['backend', 'device'],
    registers,
  })
  return {
    evicted: ({ backend, reason }) => evictions.inc({ backend, reason }),
    overQuota: ({ backend, device }) => overQuota.inc({ backend, device }),
    misdeclared: () => {},
    slowToReturn: () => {},
  }
}

function createGauges(registry: Registry, read: MemoryGauges): void {
  const registers = [registry]
  new Gauge({
    name: 'gatehouse_device_memory_bytes',
    help: 'Memory of a device: all of it, what is used by anybody, and what is reserved for backends.',
    labelNames: ['device', 'kind'],
    registers,
    collect() {
      this.reset()
      for (const { name: device, totalBytes, usedBytes, reservedBytes } of read.devices()) {
        if (totalBytes !== undefined) this.set({ device, kind: 'total' }, totalBytes)
        if (usedBytes !== undefined) this.set({ device, kind: 'used' }, usedBytes)
        this.set({ device, kind: 'reserved' }, reservedBytes)
      }
    },
  })
  new Gauge({
    name: 'gatehouse_backend_memory_bytes',
    help: 'Memory of a device that a backend is seen to hold, with all processes that it started.',
    labelNames: ['backend', 'device'],
    registers,
    collect() {
      this.reset()
      for (const { name: backend, memory } of read.backends()) {
        for (const { device, seenBytes } of memory) {
          if (seenBytes !== undefined) this.set({ backend, device }, seenBytes)
        }
      }
    },
  })
}
