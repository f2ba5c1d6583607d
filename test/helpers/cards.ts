import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import type { Test } from 'tap'

/** A graphics card that is none. */
export interface PretendCard {
  readonly uuid: string
  readonly name: string
  readonly totalMiB: number
  /** What programs hold on it that no test knows of. */
  readonly foreignMiB?: number
  /** It does not tell what each process holds, as under Windows. */
  readonly isSilent?: boolean
}

export interface PretendCards {
  readonly folder: string
  /** For whoever asks nvidia-smi, and for the backends on the cards: the pretend one is first on this PATH. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The ids of the processes that have taken memory and were not seen to be gone. */
  held(): number[]
  /** Puts other cards, or another use of them by others, in the place of these. */
  set(cards: readonly PretendCard[]): void
  /** How long a card counts the memory of a process as used after somebody saw that it has ended. */
  lag(ms: number): void
  hang(on: boolean): void
  /** With these words, or those of a driver that is not loaded. */
  fail(words: string | boolean): void
}

const TOOLS = resolve('test/fixtures/cards')
const ON_CARD = resolve('test/fixtures/sample-on-card.mjs')

/** Cards for the pretend nvidia-smi to tell of, and for `sampleOnCard` to take memory of. */
export function makeCards(t: Test, cards: readonly PretendCard[]): PretendCards {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-cards-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const put = (name: string, text: string | undefined) => {
    const file = join(folder, name)
    if (text === undefined) return rmSync(file, { force: true })
    // Somebody may read it at this moment.
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
  const set = (next: readonly PretendCard[]) => put('cards.json', JSON.stringify(next))
  set(cards)
  return {
    folder,
    env: {
      ...process.env,
      PATH: `${TOOLS}${delimiter}${process.env.PATH}`,
      GATEHOUSE_TEST_CARDS: folder,
    },
    held: () =>
      readdirSync(folder).flatMap((name) => Number(/^held-(\d+)$/.exec(name)?.[1] ?? []) || []),
    set,
    lag: (ms) => put('lag', String(ms)),
    hang: (on) => put('hang', on ? '' : undefined),
    fail: (words) => put('fail', words === false ? undefined : words === true ? '' : words),
  }
}

/**
 * A backend that is the sample with so many MiB of a pretend card, and these of its options. `'600:100'` takes 600 at
 * its start and 100 more at each SIGUSR2.
 */
export function sampleOnCard(mib: number | `${number}:${number}`, options: readonly string[] = []) {
  return {
    serves: ['text'],
    stopTimeout: '600ms',
    process: {
      command: '${node}',
      args: [
        ...[ON_CARD, String(mib), '--port', '${port}', '--model', 'text'],
        ...['--load-time', '50', '--token-interval', '5', ...options],
      ],
    },
  }
}
