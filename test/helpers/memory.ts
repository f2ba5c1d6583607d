import { join } from 'node:path'
import type { Test } from 'tap'
import { parseConfig } from '../../src/config/load.js'
import type { DeviceSource } from '../../src/memory/devices/reading.js'
import { Learned } from '../../src/memory/learned.js'
import { Memory, type MemoryConfigs } from '../../src/memory/memory.js'
import type { MemoryRecorder } from '../../src/memory/recorder.js'

export interface MemoryScene {
  /** What the routes.json of it says. */
  readonly config?: MemoryConfigs
  readonly sources?: readonly DeviceSource[]
  readonly recorder?: Partial<MemoryRecorder>
  readonly warnings?: string[]
}

/** The memory of the devices of a routes.json: none are listed in it where the scene does not say. */
export function makeMemory(t: Test, scene: MemoryScene = {}): Memory {
  const config = scene.config ?? parseConfig('{}', { file: '/nowhere/routes.json', env: {} })
  const memory = new Memory(config, {
    sources: scene.sources ?? [],
    learned: new Learned(join(t.testdir({}), 'memory.json')),
    recorder: {
      evicted: () => {},
      overQuota: () => {},
      misdeclared: () => {},
      slowToReturn: () => {},
      ...scene.recorder,
    },
    onWarning: (text) => void scene.warnings?.push(text),
    onInfo: () => {},
  })
  t.teardown(() => memory.close())
  return memory
}
