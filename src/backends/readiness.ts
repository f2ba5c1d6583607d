import { Agent, request } from 'undici'
import { pause } from '../abortable.js'
import type { Workload } from '../config/config.js'
import { type Dialect, notYet, type Readiness } from '../dialects/dialect.js'
import { describeFailedStart } from '../launchers/exit-words.js'
import { type Run, StartFailure } from '../launchers/launcher.js'
import { isOutOfMemory } from '../launchers/out-of-memory.js'

const EVERY_MS = 50
/** Under WSL2 a closed local port can swallow a connect for minutes (kobold-wire 5.1). */
const CONNECT_MS = 1_000
const ANSWER_MS = 5_000

export interface ReadinessAsk {
  readonly dialect: Dialect
  readonly serves: readonly Workload[]
  readonly basePath: string
  /** How long the answer to one probe may take; left out: 5 s. */
  readonly answerMs?: number
  /** Aborts when the start is given up. */
  readonly signal: AbortSignal
}

/**
 * Resolves once the run lives and its probe answers as its dialect demands: first probe at once, then every 50 ms.
 * Rejects with a StartFailure when the run ends first, whatever its exit code, or can never become ready.
 */
export async function waitUntilReady(run: Run, ask: ReadinessAsk): Promise<void> {
  const stop = new AbortController()
  const signal = AbortSignal.any([ask.signal, stop.signal])
  const died = run.exited.then(async (exit) => {
    const output = await run.lastOutput()
    throw new StartFailure(describeFailedStart(exit, output), {
      isOutOfMemory: isOutOfMemory(exit, output),
      output,
    })
  })
  try {
    await Promise.race([probeUntilReady(run.origin, { ...ask, signal }), died])
  } finally {
    died.catch(() => {})
    stop.abort()
  }
}

/** Asks once whether a backend that somebody else runs can work. */
export async function probeOnce(origin: string, ask: ReadinessAsk): Promise<Readiness> {
  const agent = createProbeAgent(ask.answerMs)
  try {
    return await probe(agent, origin, ask)
  } finally {
    await agent.destroy()
  }
}

async function probeUntilReady(origin: string, ask: ReadinessAsk): Promise<void> {
  const agent = createProbeAgent(ask.answerMs)
  try {
    for (;;) {
      const readiness = await probe(agent, origin, ask)
      if (readiness.is === 'ready') return
      if (readiness.is === 'wrong') throw new StartFailure(readiness.because)
      await pause(EVERY_MS, ask.signal)
    }
  } finally {
    await agent.destroy()
  }
}

async function probe(agent: Agent, origin: string, ask: ReadinessAsk): Promise<Readiness> {
  try {
    const reply = await request(`${origin}${ask.basePath}${ask.dialect.probePath}`, {
      dispatcher: agent,
      signal: ask.signal,
    })
    const body = await reply.body.text()
    return ask.dialect.judge({ status: reply.statusCode, body }, ask.serves)
  } catch (error) {
    ask.signal.throwIfAborted()
    return notYet(error instanceof Error ? error.message : String(error))
  }
}

/** `pipelining: 0` closes each connection: an idle one would hold a thread of KoboldCpp. */
function createProbeAgent(answerMs = ANSWER_MS): Agent {
  return new Agent({
    pipelining: 0,
    connect: { timeout: CONNECT_MS },
    headersTimeout: answerMs,
    bodyTimeout: answerMs,
  })
}
