import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'

/** Editors write a file in several steps. */
const SETTLE_MS = 100

/**
 * Calls back when a file may have changed, once the changes have paused. Its folder is watched, because editors
 * replace a file rather than write into it. Returns what ends the watch.
 */
export function watchFile(file: string, onChange: () => void): () => void {
  const name = basename(file)
  let timer: NodeJS.Timeout | undefined
  const watcher = watch(dirname(file), { persistent: false }, (_event, changed) => {
    if (changed !== null && changed !== name) return
    clearTimeout(timer)
    timer = setTimeout(onChange, SETTLE_MS).unref()
  })
  watcher.on('error', () => {}) // the folder is gone: there is nothing left to read
  return () => {
    clearTimeout(timer)
    watcher.close()
  }
}
