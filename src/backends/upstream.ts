import { buildConnector, Client, type Dispatcher, Pool } from 'undici'
import { BodyTap, type TakePieces } from './body-tap.js'
import { filterContinue } from './unasked-continue.js'

/** Undici's handler, also told which connection a request was given. */
export interface UpstreamHandler extends Dispatcher.DispatchHandler {
  /** Called before anything is sent. */
  onConnection?(connection: Connection): void
}

const FORSAKEN = 'its request was given up'

export interface UpstreamOptions {
  /** Whether a connection may carry a second request. */
  readonly keepsConnections: boolean
  /** In milliseconds; 0: no limit. */
  readonly connectMs: number
  readonly headersMs: number
  readonly bodyIdleMs: number
}

/** The connections to one run of a backend: without a cap of their own, because the lane is the only queue. */
export class Upstream {
  readonly #origin: string
  readonly #options: Client.Options
  readonly #pool: Pool

  constructor(origin: string, options: UpstreamOptions) {
    this.#origin = origin
    this.#options = {
      connect: { timeout: options.connectMs },
      headersTimeout: options.headersMs,
      bodyTimeout: options.bodyIdleMs,
      pipelining: options.keepsConnections ? 1 : 0,
    }
    const factory = (url: URL) => new Connection(url, this.#options)
    this.#pool = new Pool(origin, { ...this.#options, connections: null, factory })
  }

  /** Sends on a connection that is open and free, else on a new one. */
  dispatch(options: Dispatcher.DispatchOptions, handler: UpstreamHandler): void {
    this.#pool.dispatch(options, handler)
  }

  /** Sends on a connection that nothing was sent on before and nothing will be sent on after. */
  dispatchAlone(options: Dispatcher.DispatchOptions, handler: UpstreamHandler): void {
    const connection = new Connection(new URL(this.#origin), { ...this.#options, pipelining: 0 })
    connection.dispatch(options, handler)
    connection.close().catch(() => {})
  }

  /** Takes no more requests; resolves when those under way have ended. */
  async close(): Promise<void> {
    await this.#pool.close()
  }
}

/** One connection, for one request at a time. */
export class Connection extends Client {
  #socket: Socket | undefined
  #tap: BodyTap | undefined
  #isOpen = false
  #awaitsHead = false
  #isForsaken = false
  #readBefore = 0

  constructor(origin: URL, { connect, ...options }: Client.Options) {
    const open = buildConnector(typeof connect === 'function' ? {} : { ...connect })
    super(origin, {
      ...options,
      connect: (to, done) => {
        if (this.#isForsaken) return done(new Error(FORSAKEN), null)
        open(to, (...result) => {
          const [, socket] = result
          if (socket && this.#isForsaken) return forsake(socket, done)
          if (socket) this.#take(socket)
          done(...result)
        })
      },
    })
    this.on('connect', () => {
      this.#isOpen = true
    })
    this.on('disconnect', () => {
      this.#isOpen = false
    })
  }

  /** Whether it was open before the request that it is given: its other end may be closing it at this moment. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Whether a byte has come since the request was given to it. */
  get hasReplied(): boolean {
    return this.#socket !== undefined && this.#socket.bytesRead > this.#readBefore
  }

  get bytesRead(): number {
    return this.#socket?.bytesRead ?? 0
  }

  /** The head of a final answer has come: what follows is its body. `streamed`: its lines, if that may be tapped. */
  headCame(streamed?: readonly Buffer[]): void {
    this.#awaitsHead = false
    if (streamed) this.#tap?.headCame(streamed)
    else this.#tap?.close()
  }

  /** Whole pieces of the body go there, where they can be told, and the others to `onData`. */
  tap(take: TakePieces): void {
    this.#tap?.open(take)
  }

  /** Its answer is read no further, because `onData` has said so; its end must not be heard of either. */
  hold(): void {
    this.#tap?.hold()
  }

  /** Called before the answer is read on. */
  letGo(): void {
    this.#tap?.letGo()
  }

  /**
   * Its request is given up. Undici would open a connection to find that out, and keep it open for a while, which
   * holds one of a KoboldCpp's few threads.
   */
  forsake(): void {
    this.#isForsaken = true
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: UpstreamHandler): boolean {
    this.#awaitsHead = true
    this.#isForsaken = false
    this.#tap?.reset()
    this.#readBefore = this.#isOpen ? (this.#socket?.bytesRead ?? 0) : 0
    handler.onConnection?.(this)
    return super.dispatch(options, handler)
  }

  #take(socket: Socket): void {
    this.#socket = socket
    this.#tap = new BodyTap(socket)
    // A socket that became a tunnel outlives its place here: what is read from it is no head any more.
    prepare(socket, () => this.#awaitsHead && this.#isOpen && this.#socket === socket)
  }
}

type Socket = NonNullable<Parameters<Parameters<ReturnType<typeof buildConnector>>[1]>[1]>

function forsake(socket: Socket, done: buildConnector.Callback): void {
  socket.destroy()
  done(new Error(FORSAKEN), null)
}

function prepare(socket: Socket, awaitsHead: () => boolean): void {
  // Undici takes a reset for the proper end of a reply that ends with its connection; by another name it is an error.
  socket.prependListener('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') error.code = 'UPSTREAM_RESET'
  })
  filterContinue(socket, awaitsHead)
}
