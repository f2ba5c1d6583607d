/** Which backends get no new requests for a while, because an older ask for their memory goes first. */
export class Passes {
  readonly #shut = new Map<string, { readonly opened: Promise<void>; readonly open: () => void }>()

  isShut(name: string): boolean {
    return this.#shut.has(name)
  }

  /** Resolves at once for one that is open. */
  async opened(name: string): Promise<void> {
    await this.#shut.get(name)?.opened
  }

  /** From now on these are shut, and no others. */
  shut(names: ReadonlySet<string>): void {
    for (const [name, pass] of this.#shut) {
      if (names.has(name)) continue
      this.#shut.delete(name)
      pass.open()
    }
    for (const name of names) {
      if (this.#shut.has(name)) continue
      const { promise: opened, resolve: open } = withResolver()
      this.#shut.set(name, { opened, open })
    }
  }
}

function withResolver() {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
