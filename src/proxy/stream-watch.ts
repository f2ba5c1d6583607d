import type { ReplyHead } from './reply-head.js'
import { isEventStream } from './reply-head.js'
import { StreamEnd } from './stream-end.js'
import { StreamEvents } from './stream-events.js'
import type { StreamFormat } from './stream-format.js'

interface Told {
  /** How the call is streamed; undefined: that is not known. */
  readonly format: StreamFormat | undefined
  readonly onEventGap: (gapMs: number) => void
}

/** What the bytes of a streamed answer tell as they pass. */
export class StreamWatch {
  readonly #events: StreamEvents | undefined
  readonly #end: StreamEnd | undefined

  private constructor(events: StreamEvents | undefined, end: StreamEnd | undefined) {
    this.#events = events
    this.#end = end
  }

  /** Undefined: by this head it is no stream, or none that can be read. */
  static of(head: ReplyHead, told: Told): StreamWatch | undefined {
    const { contentType, isDelimited, isPacked } = head
    const { format, onEventGap } = told
    if (isPacked) return undefined // its bytes are no text, and words between them would spoil it
    const events = isEventStream(contentType) ? new StreamEvents(onEventGap) : undefined
    if (!events && !contentType.startsWith('application/x-ndjson')) return undefined
    // Whether an event is complete the events themselves tell.
    const needsEnd = format && !(events && isDelimited)
    return new StreamWatch(events, needsEnd ? new StreamEnd(format, !isDelimited) : undefined)
  }

  /** How many events have come; undefined: it is no event stream. */
  get eventCount(): number | undefined {
    return this.#events?.count
  }

  get hasEvents(): boolean {
    return this.#events !== undefined
  }

  /** Whether the stream may end here. */
  get isWhole(): boolean {
    return this.#end?.isWhole ?? true
  }

  /** Whether another event can follow what has come. */
  get isBetweenEvents(): boolean {
    return (this.#events ?? this.#end)?.isBetweenEvents ?? false
  }

  pass(bytes: Buffer, begin: number, end: number): void {
    this.#events?.pass(bytes, begin, end)
    if (!this.#end) return
    const isAll = begin === 0 && end === bytes.length
    this.#end.pass(isAll ? bytes : bytes.subarray(begin, end))
  }
}
