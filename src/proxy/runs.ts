import { randomBytes } from 'node:crypto'
import type { Lease } from '../backends/lease.js'
import type { Workload } from '../config/config.js'
import { GatehouseError } from '../errors.js'
import type { Exchange } from './exchange.js'

/** One request for work, from its asking for a lease until its reply is over. */
export interface Run {
  readonly exchange: Exchange
  readonly client: string
  readonly workload: Workload | undefined
  /** The key that its client gave it; empty: none. Two clients may have the same. */
  readonly clientKey: string
  /** The key that it has at its backend; no other request ever has it. */
  readonly key: string
  /** Whether its backend knows it by that key. */
  isKeyed: boolean
  /** Undefined while it waits. */
  lease: Lease | undefined
}

/** Where a text can still be asked for after its request is over. */
export interface Trace {
  readonly clientKey: string
  readonly key: string
  readonly backend: string
}

/** How many clients' last texts are remembered. */
const TRACES = 1_000
/** So many clients may be listed of whom nothing runs or waits. */
const MOST_IDLE = 1_000

/** Whose request is whose: the owners of what runs and waits, so that nobody ends or reads another's work. */
export class Runs {
  readonly #origin = `gatehouse-${randomBytes(8).toString('hex')}`
  #count = 0
  /** Each client's in the order in which they came. */
  readonly #byClient = new Map<string, Run[]>()
  readonly #traces = new Map<string, Trace>()
  /** The last client in it. */
  #newest = ''

  begin(exchange: Exchange, workload: Workload | undefined, clientKey: string): Run {
    const { client } = exchange
    const key = this.#nextKey()
    const run: Run = {
      exchange,
      client,
      workload,
      clientKey,
      key,
      isKeyed: false,
      lease: undefined,
    }
    const others = this.#byClient.get(client)
    if (others) others.push(run)
    else this.#byClient.set(client, [run])
    return run
  }

  end(run: Run): void {
    const runs = this.#byClient.get(run.client)
    runs?.splice(runs.indexOf(run), 1)
    if (this.#byClient.size > MOST_IDLE) this.#forgetIdle()
    if (run.lease && run.workload === 'text') this.#remember(run, run.lease)
  }

  /** This client's newest text, running or waiting, with this key; empty: with any. */
  text(client: string, clientKey: string): Run | undefined {
    const isIt = (run: Run) =>
      run.workload === 'text' && (clientKey === '' || run.clientKey === clientKey)
    return this.#byClient.get(client)?.findLast(isIt)
  }

  /** This client's last text, if it had this key; empty: any. */
  lastText(client: string, clientKey: string): Trace | undefined {
    const trace = this.#traces.get(client)
    return clientKey === '' || trace?.clientKey === clientKey ? trace : undefined
  }

  /** Everybody's requests for a workload at one backend, running and waiting. */
  at(backend: string, workload: Workload): Run[] {
    const isThere = (run: Run) =>
      run.workload === workload && run.exchange.destination.backend === backend
    return [...this.#byClient.values()].flat().filter(isThere)
  }

  /** Takes this client's requests for a workload that still wait out of their line; returns how many. */
  cancelWaiting(client: string, workload: Workload): number {
    const runs = this.#byClient.get(client) ?? []
    const waiting = runs.filter((run) => run.workload === workload && !run.lease)
    for (const { exchange } of waiting) exchange.gone.leave(new GatehouseError('GATEHOUSE_ABORTED'))
    return waiting.length
  }

  /** Not with each one's last request: the next follows, and a Map that is emptied and filled costs (roster.ts). */
  #forgetIdle(): void {
    for (const [client, runs] of this.#byClient)
      if (runs.length === 0) this.#byClient.delete(client)
  }

  /** Unique at every backend, also beside those of another gateway; counted, because each request pays for it. */
  #nextKey(): string {
    this.#count += 1
    return `${this.#origin}-${this.#count}`
  }

  #remember({ client, clientKey, key }: Run, { config }: Lease): void {
    // Few clients, and the same one again and again, are the rule: a Map that is emptied and filled costs (roster.ts).
    if (client !== this.#newest) this.#traces.delete(client)
    this.#newest = client
    this.#traces.set(client, { clientKey, key, backend: config.name })
    if (this.#traces.size <= TRACES) return
    const [oldest = ''] = this.#traces.keys()
    this.#traces.delete(oldest)
  }
}
