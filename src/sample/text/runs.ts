/** One text generation: its text so far, and the signal that ends it early. */
export interface TextRun {
  readonly genkey: string
  readonly signal: AbortSignal
  text: string
  abort(): void
}

/** KoboldCpp's answer to an abort; both are strings on the wire. */
export interface AbortAnswer {
  readonly success: 'true' | 'false'
  readonly done: 'true' | 'false'
}

/** Knows the running (or last) text and the one key remembered for a request that still waits: KoboldCpp's rules. */
export class TextRuns {
  #last: TextRun = createRun('')
  #isRunning = false
  #rememberedKey = ''
  #isClosed = false

  /** Starts a run; one whose key was aborted while it waited starts aborted. */
  begin(genkey: string): TextRun {
    const run = createRun(genkey)
    if (this.#isClosed) run.abort()
    if (genkey !== '' && genkey === this.#rememberedKey) {
      this.#rememberedKey = ''
      run.abort()
    }
    this.#last = run
    this.#isRunning = true
    return run
  }

  /** Ends the run; its text stays readable. */
  finish(): void {
    this.#isRunning = false
  }

  /** Ends the running text and every one that begins later. */
  close(): void {
    this.#isClosed = true
    this.#last.abort()
  }

  /** Applies an abort as KoboldCpp 1.76 to 1.116 do, where `waiting` counts the requests in the line. */
  abort(genkey: string, waiting: number): AbortAnswer {
    const isKeyless = genkey === '' && waiting === 0
    if (isKeyless || (genkey !== '' && genkey === this.#last.genkey)) {
      if (this.#isRunning) this.#last.abort()
      return { success: 'true', done: 'true' }
    }
    if (genkey === '' || waiting === 0) return { success: 'false', done: 'false' }
    this.#rememberedKey = genkey
    return { success: 'true', done: 'false' }
  }

  /** Returns the text so far to whoever has the key, or has none where none is needed; else nothing. */
  textFor(genkey: string, waiting: number): string {
    const isAllowed = genkey === this.#last.genkey && (genkey !== '' || waiting === 0)
    return isAllowed ? this.#last.text : ''
  }
}

function createRun(genkey: string): TextRun {
  const controller = new AbortController()
  return { genkey, signal: controller.signal, text: '', abort: () => controller.abort() }
}
