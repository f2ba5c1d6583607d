import type { Fault } from './config-error.js'
import type { Document, Place } from './document.js'
import { formatPath, isWithin, type Path } from './path.js'

/** What is wrong at one place. `found` is what the file says there, unless told otherwise. */
export interface Finding {
  readonly path: Path
  readonly expected: string
  readonly found?: string
  readonly hint?: string | undefined
}

/** Collects the faults of one file, one per place. */
export class Report {
  readonly faults: Fault[] = []
  /** What came from the environment: whatever shows it masks it. */
  readonly secrets = new Set<string>()
  readonly #file: string
  readonly #document: Document
  readonly #faulty: Path[] = []

  constructor(file: string, document: Document) {
    this.#file = file
    this.#document = document
  }

  /** A value is wrong: nothing more is said about it or what is in it. */
  fault(finding: Finding): void {
    if (this.isFaulty(finding.path)) return
    this.#faulty.push(finding.path)
    this.#add(finding, this.#document.placeOf(finding.path))
  }

  /** A key is wrong. `meant`: the key that it was probably meant to be; if not there, its value is unknown. */
  faultyKey(finding: Finding, meant: string | undefined): void {
    if (this.isFaulty(finding.path)) return
    this.#faulty.push(finding.path)
    const around = finding.path.slice(0, -1)
    const isAbsent = meant !== undefined && !this.#document.keysAt(around).includes(meant)
    if (isAbsent) this.#faulty.push([...around, meant])
    const found = `the key ${JSON.stringify(finding.path.at(-1))}`
    this.#add({ found, ...finding }, this.#document.placeOfKey(finding.path))
  }

  /** A key stands there a second time; its first value remains to be looked at. */
  repeatedKey(path: Path, offset: number): void {
    const found = `the key ${JSON.stringify(path.at(-1))} again`
    const first = this.#document.placeOfKey(path)
    const hint = `it is first on line ${first.line}`
    this.#add({ path, found, expected: 'each key once', hint }, this.#document.placeAt(offset))
  }

  /** Whether a fault was found at this place or around it, so that its value says nothing. */
  isFaulty(path: Path): boolean {
    return this.#faulty.some((faulty) => isWithin(path, faulty))
  }

  /** Whether a fault leaves it open what a member of the object at `path` has under `key`. */
  isOpenWithin(path: Path, key: string): boolean {
    const depth = path.length + 1
    return this.#faulty.some(
      (faulty) =>
        (isWithin(faulty, path) || isWithin(path, faulty)) && (faulty[depth] ?? key) === key,
    )
  }

  #add({ path, expected, found, hint }: Finding, place: Place): void {
    this.faults.push({
      file: this.#file,
      ...place,
      path: formatPath(path),
      found: found ?? this.#document.quote(path),
      expected,
      ...(hint === undefined ? {} : { hint }),
    })
  }
}
