import type { Exit, Launcher, Run, StopRecipe } from '../../src/launchers/launcher.js'

/** A gate that holds whoever passes it until the test opens it; open at first. */
export class Gate {
  #shut: { readonly opened: Promise<void>; readonly open: () => void } | undefined

  shut(): void {
    let open = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    this.#shut ??= { opened, open }
  }

  open(): void {
    this.#shut?.open()
    this.#shut = undefined
  }

  async pass(): Promise<void> {
    await this.#shut?.opened
  }
}

/** A run without a process: the test says when it ends, and what its stop does. */
export class FakeRun implements Run {
  readonly origin: string
  readonly pid: number
  readonly exited: Promise<Exit>
  readonly recipes: StopRecipe[] = []
  isAlive = true
  isReleased = false
  readonly #launcher: FakeLauncher
  #settle: (exit: Exit) => void = () => {}

  constructor(launcher: FakeLauncher, pid: number) {
    this.#launcher = launcher
    this.origin = launcher.origin
    this.pid = pid
    this.exited = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  /** It ends by itself. */
  exit(exit: Partial<Exit> = { code: 1 }): void {
    this.isAlive = false
    this.#settle({ code: null, signal: null, ...exit })
  }

  async stop(recipe: StopRecipe): Promise<void> {
    this.recipes.push(recipe)
    await this.#launcher.stopGate.pass()
    if (this.#launcher.stopError) throw this.#launcher.stopError
    this.exit({ signal: recipe.signals[0] ?? 'SIGKILL' })
  }

  kill(): void {
    this.exit({ signal: 'SIGKILL' })
  }

  release(): void {
    this.isReleased = true
  }

  async progress() {
    return { outputBytes: 0, memoryBytes: 0 }
  }

  async lastOutput(): Promise<string[]> {
    return this.#launcher.output
  }
}

/** A launcher that the test scripts: what a start gives, what a stop waits for, what still lives. */
export class FakeLauncher implements Launcher {
  readonly kind: Launcher['kind']
  readonly commandHash = 'fake'
  readonly origin: string
  readonly runs: FakeRun[] = []
  /** What a start, a stop and an adoption wait for. */
  readonly startGate = new Gate()
  readonly stopGate = new Gate()
  readonly adoptGate = new Gate()
  /** Thrown by every start, or every stop, while it is set. */
  startError: Error | undefined
  stopError: Error | undefined
  output: string[] = []
  starts = 0
  /** The most runs that ever lived at once. */
  most = 0
  left: FakeRun | undefined

  constructor(kind: Launcher['kind'], origin: string) {
    this.kind = kind
    this.origin = origin
  }

  get living(): FakeRun[] {
    return this.runs.filter(({ isAlive }) => isAlive)
  }

  get last(): FakeRun {
    const run = this.runs.at(-1)
    if (!run) throw new Error('nothing was started')
    return run
  }

  /** The variables of the last start. */
  env: Readonly<Record<string, string>> = {}

  async start(signal: AbortSignal, env: Readonly<Record<string, string>> = {}): Promise<Run> {
    this.starts += 1
    this.env = env
    await this.startGate.pass()
    signal.throwIfAborted()
    if (this.startError) throw this.startError
    const run = new FakeRun(this, 1_000_000 + this.runs.length)
    this.runs.push(run)
    this.most = Math.max(this.most, this.living.length)
    return run
  }

  async adopt(): Promise<Run | undefined> {
    await this.adoptGate.pass()
    if (this.left) this.runs.push(this.left)
    return this.left
  }
}
