import { Departure, type Leaving } from '../../src/departure.js'
import { type Amounts, isEmpty, shortage, sum } from '../../src/memory/amounts.js'
import type { SchedulerLimits } from '../../src/memory/grant.js'
import type { EvictionReason } from '../../src/memory/recorder.js'
import { Scheduler } from '../../src/memory/scheduler.js'
import { FakeClock, settled } from './fake-clock.js'
import { SimBackend, type SimConfig, type SimRequest } from './sim-backend.js'

/** Asks for the same again and again, each time when the last has ended. */
export interface SimClient {
  readonly backend: number
  readonly fromMs: number
  readonly requests: number
  readonly lengthMs: number
  readonly pauseMs: number
  /** It leaves each request after so long; 0: it stays. */
  readonly leavesAfterMs: number
}

/** Another program has so much for a while. */
export interface Episode {
  readonly device: string
  readonly fromMs: number
  readonly forMs: number
  readonly bytes: number
}

export interface Scenario {
  readonly totals: Amounts
  readonly limits: SchedulerLimits
  readonly settleMs: number
  readonly backends: readonly SimConfig[]
  readonly clients: readonly SimClient[]
  readonly episodes: readonly Episode[]
}

/** The longest way of everything that happens once, by which waits are bounded. */
interface Longest {
  readonly lengthMs: number
  readonly startMs: number
  readonly stopMs: number
}

/** A few backends on a few devices, played from the first request until nothing is left; notes what must not be. */
export class World {
  readonly clock = new FakeClock()
  readonly scheduler: Scheduler
  readonly requests: SimRequest[] = []
  readonly faults: string[] = []
  readonly seen = { grants: 0, evictions: 0, longestWaitMs: 0 }
  readonly #scenario: Scenario
  readonly #backends: readonly SimBackend[]
  readonly #longest: Longest
  readonly #others: Record<string, number> = {}
  /** Those that were stopped for one ask, at once. */
  #evicted: string[] = []

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    this.#longest = longestOf(scenario)
    this.scheduler = new Scheduler({
      clock: this.clock,
      limits: scenario.limits,
      room: () => {
        this.#checkEvictions() // each ask is planned by itself, and begins with this question
        return this.#room()
      },
      seen: () => ({}),
      settled: () => this.sleep(scenario.settleMs),
    })
    this.#backends = scenario.backends.map((config) => new SimBackend(config, this))
  }

  /** Plays it to its end. */
  async play(): Promise<void> {
    const { clients, episodes } = this.#scenario
    for (const backend of this.#backends) if (backend.staysLoaded) void backend.keep()
    for (const episode of episodes) void this.#bear(episode)
    const playing = new Set(clients)
    for (const client of clients) void this.#ask(client).finally(() => playing.delete(client))
    while (playing.size > 0 || this.clock.timers > 0) {
      if (this.clock.timers === 0) return this.#fault(`${playing.size} clients wait for nothing`)
      await this.clock.pass(50)
      await settled()
    }
    await this.#end()
  }

  async sleep(ms: number, signal?: Leaving): Promise<void> {
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        callOff()
        reject(signal?.reason)
      }
      const callOff = this.clock.after(ms, () => {
        signal?.removeEventListener('abort', leave)
        resolve()
      })
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  /** Something changed that those who wait may be glad of. */
  rested(): void {
    if (this.scheduler.isAnybodyWaiting) this.scheduler.look()
  }

  granted(backend: SimBackend, { askedAtMs, amounts }: { askedAtMs: number; amounts: Amounts }) {
    this.seen.grants += 1
    const taken = sum(this.scheduler.tenants().map((tenant) => tenant.amounts))
    const given = Object.fromEntries(Object.keys(amounts).map((name) => [name, taken[name] ?? 0]))
    const over = shortage(given, this.#room())
    if (!isEmpty(over)) this.#fault(`${backend.name} was granted too much: ${text(over)}`)
    this.#checkWait(backend.name, askedAtMs)
  }

  evicted(backend: SimBackend, reason: EvictionReason): void {
    this.seen.evictions += 1
    const { minResidencyMs } = this.#scenario.limits
    const { name, state, inFlight, entering, readyAtMs, staysLoaded } = backend
    if (state !== 'ready') this.#fault(`${name} was evicted while ${state}`)
    if (inFlight + entering > 0) this.#fault(`${name} was evicted with a request`)
    if (staysLoaded) this.#fault(`${name} was evicted and is kept loaded`)
    if (this.clock.now() < readyAtMs + minResidencyMs) this.#fault(`${name} was evicted too young`)
    if (reason !== 'room') return
    this.#evicted.push(name)
    if (this.#evicted.length === 1) queueMicrotask(() => this.#checkEvictions())
  }

  async #ask(client: SimClient): Promise<void> {
    const name = `client ${this.#scenario.clients.indexOf(client)}`
    const backend = this.#backends[client.backend]
    await this.sleep(client.fromMs)
    for (let i = 0; i < client.requests; i += 1) {
      const departure = new Departure()
      const callOff = client.leavesAfterMs
        ? this.clock.after(client.leavesAfterMs, () => departure.leave(new Error('left')))
        : () => {}
      await backend?.serve(name, client.lengthMs, departure).catch(() => {}) // left, or refused
      callOff()
      if (client.pauseMs > 0) await this.sleep(client.pauseMs)
    }
  }

  async #bear({ device, fromMs, forMs, bytes }: Episode): Promise<void> {
    for (const [afterMs, more] of [
      [fromMs, bytes],
      [forMs, -bytes],
    ] as const) {
      await this.sleep(afterMs)
      this.#others[device] = (this.#others[device] ?? 0) + more
      this.rested()
    }
  }

  #room(): Amounts {
    const { totals } = this.#scenario
    return Object.fromEntries(
      Object.entries(totals).map(([name, total]) => [name, total - (this.#others[name] ?? 0)]),
    )
  }

  /** Once all has ended, nothing is held, nobody waits, and nothing is yet to happen. */
  async #end(): Promise<void> {
    const { scheduler, clock } = this
    for (const backend of this.#backends) {
      if (scheduler.mustYield(backend.name)) this.#fault(`${backend.name} is shut for nobody`)
      void backend.stop()
    }
    await settled()
    for (let i = 0; i < 100 && clock.timers > 0; i += 1) await clock.pass(50)
    await settled()
    if (scheduler.reserved().size > 0) this.#fault('something is reserved for nobody')
    if (scheduler.isAnybodyWaiting) this.#fault('somebody still waits')
    if (clock.timers > 0) this.#fault(`${clock.timers} timers are pending`)
  }

  /**
   * The bound of every wait. Once its patience is over, an ask gives way only to those who asked before it, `older` at
   * most. Each of these, and it itself, waits at most for one round: all that is in its way gets no new requests, so it
   * is started, is no longer young, has served what was let in until then, and what was let in when its pass had been
   * opened in the same tick, and is stopped. One stop more when its own backend was being stopped. While another
   * program has memory, nothing is promised; it can undo what was planned when it comes and when it goes.
   */
  #checkWait(name: string, askedAtMs: number): void {
    const now = this.clock.now()
    const { limits, episodes } = this.#scenario
    const { lengthMs, startMs, stopMs } = this.#longest
    const round = startMs + limits.minResidencyMs + 2 * lengthMs + stopMs
    const older = this.requests.filter(
      (other) =>
        other.backend !== name && other.askedAtMs <= askedAtMs && other.waitedUntilMs >= askedAtMs,
    ).length
    const foreign = episodes
      .filter(({ fromMs, forMs }) => fromMs <= now && fromMs + forMs >= askedAtMs)
      .reduce((total, { forMs }) => total + forMs + 2 * round, 0)
    const bound = limits.patienceMs + stopMs + (older + 1) * round + foreign
    const waited = now - askedAtMs
    if (!Number.isFinite(askedAtMs)) return
    this.seen.longestWaitMs = Math.max(this.seen.longestWaitMs, waited)
    if (waited > bound) this.#fault(`${name} waited ${waited} ms, ${older} older ones: ${bound} ms`)
  }

  /** Whether somebody waited for whom these sufficed, beside what is promised to those before, and none was too many. */
  #checkEvictions(): void {
    const evicted = this.#evicted
    this.#evicted = []
    if (evicted.length === 0) return
    const asks = this.scheduler.waiting().map(({ placements }) => placements)
    const isRight = asks.some((placements, i) =>
      choices(asks.slice(0, i)).some((promised) => {
        const sufficesWith = (staying?: string) =>
          placements.some((amounts) => this.#wouldFit(amounts, { promised, staying }))
        return sufficesWith() && !evicted.some(sufficesWith)
      }),
    )
    if (!isRight) this.#fault(`${evicted.join(', ')} were evicted in vain`)
  }

  /** Whether there is so much beside what is promised once those that leave have left, if this one stays. */
  #wouldFit(amounts: Amounts, beside: { promised: Amounts; staying: string | undefined }): boolean {
    const stay = this.scheduler
      .tenants()
      .filter(({ name, is }) => is !== 'leaving' || name === beside.staying)
    const taken = sum([...stay.map((tenant) => tenant.amounts), beside.promised, amounts])
    const wanted = Object.keys(amounts).map((device) => [device, taken[device] ?? 0])
    return isEmpty(shortage(Object.fromEntries(wanted), this.#room()))
  }

  #fault(what: string): void {
    this.faults.push(`${this.clock.now()} ms: ${what}`)
  }
}

/** What those may be promised together: each nothing, or one of its placements. */
function choices(asks: readonly (readonly Amounts[])[]): Amounts[] {
  return asks.reduce<Amounts[]>(
    (all, placements) => all.flatMap((so) => [so, ...placements.map((one) => sum([so, one]))]),
    [{}],
  )
}

function longestOf({ clients, backends, settleMs }: Scenario): Longest {
  const stopMs = Math.max(...backends.map((one) => one.stopMs)) + settleMs
  const startMs = Math.max(...backends.map((one) => one.startMs))
  const canRunOut = backends.some(({ starts }) => starts.includes('runs out'))
  return {
    lengthMs: Math.max(0, ...clients.map((client) => client.lengthMs)),
    // Its own stop, that of the one which is freed, and a second start.
    startMs: canRunOut ? 2 * (startMs + stopMs) : startMs,
    stopMs,
  }
}

function text(amounts: Amounts): string {
  return JSON.stringify(amounts)
}
