import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until something is so; fails after a bound that only a hang reaches. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  withinMs = 20_000,
): Promise<void> {
  const end = Date.now() + withinMs
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`)
    await sleep(5)
  }
}
