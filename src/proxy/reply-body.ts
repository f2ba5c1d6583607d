import { errors } from 'undici'
import type { Pieces } from '../backends/body-tap.js'
import type { Lease } from '../backends/lease.js'
import type { Connection } from '../backends/upstream.js'
import type { Inbound, Outbound } from './forward.js'
import { watchSilence } from './silence.js'
import type { StreamWatch } from './stream-watch.js'

/** Between which two a body passes, and what their connection can be told. */
interface Sides {
  readonly lease: Lease
  readonly outbound: Outbound
  readonly inbound: Inbound
  readonly connection: Connection | undefined
  /** Has the backend's answer read on. */
  readonly resume: () => void
  readonly abort: (error: Error) => void
}

/** The body of one answer on its way from its backend to its client, with back-pressure. */
export class ReplyBody {
  readonly #sides: Sides
  /** Undefined: it is no stream. */
  readonly stream: StreamWatch | undefined
  #bytes = 0
  #isAbandoned = false
  /** Whether the client has once not kept up. */
  #isWaiting = false
  #isOver = false
  #endSilence: (() => void) | undefined
  readonly #readOn = () => {
    this.#sides.connection?.letGo()
    this.#sides.resume()
  }

  constructor(sides: Sides, stream: StreamWatch | undefined) {
    this.#sides = sides
    this.stream = stream
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The head has been told; `lines` are its own. Events take the short way from now on, where there is one. */
  begin(lines: readonly Buffer[]): void {
    const { connection, inbound } = this.#sides
    const { stream } = this
    if (stream?.hasEvents) {
      inbound.answer.streamsEvents(() => stream.isBetweenEvents)
      connection?.headCame(lines)
      connection?.tap((pieces) => this.#take(pieces))
    } else connection?.headCame()
    process.nextTick(goOn, this)
  }

  /** The head leaves at once, alone if the backend's first bytes are not here in the same tick. */
  goOn(): void {
    const { inbound, outbound, lease, connection, abort } = this.#sides
    inbound.answer.flush()
    if (this.#isOver) return
    this.#endSilence = watchSilence({
      timeoutMs: outbound.bodyIdleMs ?? lease.config.timeouts.bodyIdleMs,
      bytesRead: () => connection?.bytesRead ?? 0,
      isHeld: () => inbound.answer.isLagging && !this.#isAbandoned,
      onSilence: () => abort(new errors.BodyTimeoutError()),
    })
  }

  /** Returns false when the client does not keep up. */
  pass(chunk: Buffer): boolean {
    this.#bytes += chunk.length
    if (this.#isAbandoned) return true
    this.stream?.pass(chunk, 0, chunk.length)
    const { inbound, lease } = this.#sides
    const { answer, backlog } = inbound
    if (answer.write(chunk)) return true
    if (lease.dialect.locksWhileWriting && backlog.allows(answer.raw)) return true
    this.#waitForClient()
    return false
  }

  /** Its client has left, and it is read to its end all the same. */
  abandon(): void {
    this.#isAbandoned = true
    this.#readOn()
  }

  /** Nothing more of it comes. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#endSilence?.()
    if (!this.#isWaiting) return
    const { inbound, connection } = this.#sides
    inbound.answer.raw.off('drain', this.#readOn)
    connection?.letGo()
  }

  /** What undici would catch is caught here, where it does not call. */
  #take(pieces: Pieces): boolean {
    // A client that does not keep up is left to `pass`, which can have the backend wait.
    if (this.#isAbandoned || !this.#sides.inbound.answer.keepsUp) return false
    try {
      this.#passPieces(pieces)
    } catch (error) {
      this.#sides.abort(error as Error)
    }
    return true
  }

  #passPieces({ bytes, ranges, areChunks }: Pieces): void {
    for (let at = 0; at < ranges.length; at += 2) {
      const [begin = 0, end = 0] = [ranges[at], ranges[at + 1]]
      this.#bytes += end - begin
      this.stream?.pass(bytes, begin, end)
    }
    this.#sides.inbound.answer.writePieces(bytes, ranges, areChunks)
  }

  #waitForClient(): void {
    const { inbound, connection } = this.#sides
    connection?.hold()
    if (this.#isWaiting) return
    this.#isWaiting = true
    inbound.answer.raw.on('drain', this.#readOn)
  }
}

function goOn(body: ReplyBody): void {
  body.goOn()
}
