import { type Amounts, shortage } from './amounts.js'
import { amountsText } from './explain.js'

/** A need that the devices could not meet even if nothing else were on them; the message is for the client. */
export class MemoryShortage extends Error {
  override readonly name = 'MemoryShortage'

  constructor(needed: Amounts, most: Amounts) {
    const short = Object.keys(shortage(needed, most))
    const of = (amounts: Amounts) =>
      amountsText(Object.fromEntries(short.map((device) => [device, amounts[device] ?? 0])))
    super(`it needs ${of(needed)}, and there is at most ${of(most)} for it`)
  }
}
