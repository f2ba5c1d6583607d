import { setTimeout as delay } from 'node:timers/promises'

/** Waits `ms`, or until the signal aborts; never rejects. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  // An abort is a normal end of a pause: whoever waits looks at the signal next.
  await delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined)
}
