import type { Leaving } from './departure.js'

/**
 * Lets one waiter leave: settles as `work` does, or rejects with the signal's reason once that aborts.
 * The work itself goes on, because others may share it.
 */
export async function abortable<T>(work: Promise<T>, signal: Leaving): Promise<T> {
  work.catch(() => {}) // whoever leaves does not hear of it any more
  signal.throwIfAborted()
  let leave: (() => void) | undefined
  const left = new Promise<never>((_resolve, reject) => {
    leave = () => reject(signal.reason)
    signal.addEventListener('abort', leave, { once: true })
  })
  try {
    return await Promise.race([work, left])
  } finally {
    if (leave) signal.removeEventListener('abort', leave)
  }
}

/** Resolves when `work` does, or after `ms` milliseconds, whichever comes first. */
export async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, over]).finally(() => clearTimeout(timer))
}

/** Resolves after `ms` milliseconds, or rejects with the signal's reason at once when that aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const leave = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', leave)
      resolve()
    }, ms)
    signal.addEventListener('abort', leave, { once: true })
  })
}
