import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { readCards, readingsOf, readProcesses } from '../../src/memory/devices/nvidia-csv.js'

const MIB = 2 ** 20

function recorded(file: string): string {
  return readFileSync(new URL(`recorded/${file}.csv`, import.meta.url), 'utf8')
}

/** What is read from two recorded answers, of a driver that tells of all processes unless said otherwise. */
function readingsFrom(name: string, tellsAll = true) {
  const lines = readProcesses(recorded(`${name}.apps`))
  return readingsOf(readCards(recorded(`${name}.gpu`)).cards, { lines, tellsAll })
}

const mib = (byPid: ReadonlyMap<number, number> | undefined) =>
  byPid && Object.fromEntries([...byPid].map(([pid, bytes]) => [pid, bytes / MIB]))

t.test('cards are told with their memory, and with each process that computes on them', (t) => {
  const readings = readingsFrom('titan-x-eight')
  t.same(
    readings.map(({ totalBytes, usedBytes }) => [totalBytes / MIB, usedBytes / MIB]),
    [
      [12206, 802],
      [12206, 10032],
      [12206, 6442],
    ],
  )
  t.same(
    readings.map(({ byPid }) => mib(byPid)),
    [{}, { 21731: 10007 }, { 21731: 3200, 21902: 3219 }],
    'the same process on two cards counts on each',
  )
  const uuid = 'GPU-004f693d-767b-b215-b4a9-a18af0ffd643'
  t.match(readings[0], {
    id: uuid,
    kind: 'nvidia',
    name: 'GeForce GTX TITAN X',
    select: { CUDA_VISIBLE_DEVICES: uuid },
  })
  t.end()
})

t.test('a real H200 tells of two programs what they hold, contexts included', (t) => {
  const [idle] = readingsFrom('h200-580-idle')
  t.equal((idle?.usedBytes ?? 0) / MIB, 143771 - 143156, 'the driver keeps something for itself')
  t.same(mib(idle?.byPid), {})
  t.same(mib(readingsFrom('h200-580-one')[0]?.byPid), { 491: 21106 })
  const [two] = readingsFrom('h200-580-two')
  t.same(mib(two?.byPid), { 491: 21106, 577: 41586 })
  t.equal((two?.usedBytes ?? 0) / MIB, 143771 - 80450)
  const apart = readingsFrom('h200-580-two-cards').map(({ byPid }) => byPid?.size)
  t.same(apart, [1, 1], 'each of two cards its own')
  t.end()
})

t.test('what the driver keeps for itself is in use, since no program can have it', (t) => {
  const used = readingsFrom('a6000-550-idle').map(({ usedBytes }) => usedBytes / MIB)
  t.same(used, [46068 - 45442, 46068 - 45442])
  t.end()
})

t.test('a card that does not tell what is used tells it by what is free', (t) => {
  const [card] = readingsFrom('geforce-410m-390')
  t.equal(card?.usedBytes, (963 - 820) * MIB)
  t.equal(card?.byPid, undefined, 'of its processes it tells nothing')
  t.end()
})

t.test('a name may have commas', (t) => {
  t.match(readingsFrom('commas'), [
    { name: 'GRID V100, Rev. B, 4 quarters', totalBytes: 32768 * MIB, usedBytes: 2568 * MIB },
  ])
  t.end()
})

t.test(
  'under Windows no process is told, whether it is listed without a number or not at all',
  (t) => {
    t.match(readingsFrom('wddm'), [{ totalBytes: 4096 * MIB, byPid: undefined }])
    const { cards } = readCards(recorded('wddm.gpu'))
    t.equal(readingsOf(cards, { lines: [], tellsAll: false })[0]?.byPid, undefined)
    t.same(readingsOf(cards, { lines: [], tellsAll: true })[0]?.byPid, new Map())
    t.end()
  },
)

t.test('one process that is not told leaves the others told', (t) => {
  const { cards } = readCards(recorded('wddm.gpu'))
  const uuid = cards[0]?.uuid
  const lines = readProcesses(
    `${uuid}, 7, [N/A]\n${uuid}, 8, 300\n${uuid}, 8, 20\n${uuid}, [N/A], 9`,
  )
  t.same(mib(readingsOf(cards, { lines, tellsAll: true })[0]?.byPid), { 8: 320 })
  t.end()
})

t.test(
  'a card cut in parts tells no processes where the parts do, and is left out without memory',
  (t) => {
    const [cut, whole] = readingsFrom('mig-host')
    t.equal(cut?.byPid, undefined)
    t.same(mib(whole?.byPid), { 26294: 14400 }, 'another one tells its own')
    t.same(readingsFrom('mig-container-535'), [])
    t.end()
  },
)

t.test('a chip that shares the memory of the machine is no card of its own', (t) => {
  t.same(readingsFrom('gb10'), [])
  t.same(readCards(recorded('gb10.gpu')), { cards: [], isAnswer: true, complaints: [] })
  t.end()
})

t.test('a card that is lost is complained of, and the other one told', (t) => {
  t.equal(readingsFrom('lost-one-of-two').length, 1)
  t.match(readCards(recorded('lost-one-of-two.gpu')).complaints, [/^Unable to determine.*21:00/])
  t.equal(readingsFrom('lost-in-fields').length, 1)
  t.same(readCards(recorded('lost-in-fields.gpu')).complaints, [
    'card 1 (NVIDIA GeForce RTX 3090): GPU is lost',
  ])
  t.end()
})

t.test('a warning behind the lines is a complaint, and the lines count', (t) => {
  t.match(readingsFrom('inforom-384'), [{ usedBytes: 701 * MIB }])
  t.same(readCards(recorded('inforom-384.gpu')).complaints, [
    'WARNING: infoROM is corrupted at gpu 0000:B3:00.0',
  ])
  t.end()
})

t.test('errors on the standard output are no answer, with the words for people', (t) => {
  const failures: readonly (readonly [string, RegExp])[] = [
    ['no-driver', /couldn't communicate with the NVIDIA driver/],
    ['mismatch', /version mismatch/],
    ['nvml-unknown', /Failed to initialize NVML: Unknown Error/],
    ['lost-only-card', /GPU is lost/],
    ['wsl-tcc', /Unknown Error/],
    ['too-old', /not a valid field/],
  ]
  for (const [file, words] of failures) {
    const answer = readCards(recorded(`${file}.gpu`))
    t.notOk(answer.isAnswer, file)
    t.same(answer.cards, [])
    t.match(answer.complaints[0], words)
  }
  t.same(readCards(''), { cards: [], isAnswer: false, complaints: [] }, 'nothing at all is none')
  t.end()
})

t.test('a driver without a card answers that there is none', (t) => {
  t.same(readCards(recorded('no-devices.gpu')), { cards: [], complaints: [], isAnswer: true })
  t.end()
})

t.test('no text breaks the reading', (t) => {
  const pieces = ['0', ',', 'GPU-1', '\n', '\r\n', '[N/A]', '-5', '1e3', '7', '\0', '"', ' ']
  const texts = fc.array(fc.constantFrom(...pieces), { maxLength: 60 }).map((all) => all.join(''))
  fc.assert(
    fc.property(texts, texts, (cardText, processText) => {
      const { cards } = readCards(cardText)
      for (const card of readingsOf(cards, { lines: readProcesses(processText), tellsAll: true })) {
        const isSound = card.usedBytes >= 0 && card.usedBytes <= card.totalBytes
        if (!isSound || !(card.totalBytes > 0)) throw new Error(JSON.stringify(card))
      }
    }),
  )
  t.end()
})
