import type { Workload } from '../config/config.js'
import type { FaceFacts, KnownBackend } from './facts.js'
import { withoutPaths } from './paths.js'
import { VERSION_PATH } from './questions.js'
import { type JsonObject, objectOf, textOf } from './read.js'

/** The KoboldCpp whose calls the built-in table knows; clients gate features on it. */
export const KOBOLDCPP_VERSION = '1.116.1'

/**
 * `/api/extra/version`: user interfaces decide by it once, at page load, which buttons to show, so it names every
 * workload that a backend is configured for, whether or not that runs now (kobold-wire 2.1).
 */
export function version(facts: FaceFacts): JsonObject {
  const [text] = facts.serving('text')
  const said = objectOf(withoutPaths(text?.said(VERSION_PATH)))
  const senses = sensesOf(text)
  const any = (flag: string) =>
    kobolds(facts).some((each) => isOn(objectOf(each.said(VERSION_PATH)), flag))
  return {
    result: 'KoboldCpp',
    version: versionNumber(facts),
    protected: false,
    llm: facts.serves('text'),
    txt2img: facts.serves('image'),
    ...senses,
    transcribe: facts.serves('transcribe') || senses.audio,
    multiplayer: isOn(said, 'multiplayer'),
    websearch: any('websearch'),
    tts: facts.serves('speech'),
    embeddings: facts.serves('embeddings'),
    music: facts.serves('music'),
    savedata: isOn(said, 'savedata'),
    admin: facts.admin(),
    router: false,
    guidance: isOn(said, 'guidance'),
    jinja: isOn(said, 'jinja'),
    mcp: any('mcp'),
    ...unknownOf(said),
  }
}

/** The KoboldCpp that is spoken: the text instance's, else the oldest of the others, so that nobody expects too much. */
export function versionNumber(facts: FaceFacts): string {
  const [text] = facts.serving('text')
  const own = textOf(text?.said(VERSION_PATH), 'version')
  if (own !== undefined) return own
  const others = kobolds(facts).flatMap((each) => textOf(each.said(VERSION_PATH), 'version') ?? [])
  return others.sort(byAge)[0] ?? KOBOLDCPP_VERSION
}

/** Whether the text model sees pictures and hears sound, as its own instance says. */
export function sensesOf(text: KnownBackend | undefined): { vision: boolean; audio: boolean } {
  if (text?.config.dialect === 'koboldcpp') {
    const said = objectOf(text.said(VERSION_PATH))
    return { vision: isOn(said, 'vision'), audio: isOn(said, 'audio') }
  }
  const modalities = objectOf(objectOf(text?.said('/props')).modalities)
  return { vision: isOn(modalities, 'vision'), audio: isOn(modalities, 'audio') }
}

/** What a newer KoboldCpp says besides. */
function unknownOf(said: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(said).filter(([field]) => !FIELDS.has(field)))
}

const FIELDS: ReadonlySet<string> = new Set(
  (
    'result version protected llm txt2img vision audio transcribe multiplayer websearch tts ' +
    'embeddings music savedata admin router guidance jinja mcp'
  ).split(' '),
)
const ALL: readonly Workload[] = ['text', 'image', 'transcribe', 'speech', 'embeddings', 'music']

function kobolds(facts: FaceFacts): readonly KnownBackend[] {
  const all = ALL.flatMap((workload) => facts.serving(workload))
  return all.filter(({ config }) => config.dialect === 'koboldcpp')
}

function isOn(said: JsonObject, flag: string): boolean {
  return said[flag] === true
}

/** 1.9 is older than 1.116.1; a suffix such as `.yr0` counts as nothing. */
function byAge(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)]
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function partsOf(number: string): number[] {
  return number.split('.').map((part) => Number.parseInt(part, 10) || 0)
}
