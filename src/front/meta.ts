import { performance } from 'node:perf_hooks'
import type { DialectName, Workload } from '../config/config.js'
import type { FaceCall, OwnAnswer } from '../routing/face.js'
import { checkpoints, objectInfoText, systemStats } from './comfy-lists.js'
import { MANIFEST, NO_SLOTS, serviceInfo } from './constants.js'
import type { Answer, Answers, FaceContext } from './context.js'
import type { FaceFacts } from './facts.js'
import { advisedContext, replyLength, trueContext } from './lengths.js'
import { canLook, look } from './look.js'
import { model, models, ollamaPs, ollamaShow, ollamaTags } from './models.js'
import { withoutPaths } from './paths.js'
import { perf } from './perf.js'
import { props } from './props.js'
import { parse, textOf } from './read.js'
import { json, whole } from './reply.js'
import { SAMPLERS, SCHEDULERS, sdList, sdModels, sdOptions } from './sd-lists.js'
import { version } from './version.js'
import { speakers, speakersList, speechSettings, voices } from './voices.js'

type Render = (facts: FaceFacts) => unknown

/** Answered here always, from what is configured and was heard last; nothing is started, and hardly any waits. */
export const META: Answers = [
  ['shutdown', () => json({ success: false })],
  ['version', from(version)],
  ['perf', answerPerf],
  ['serviceinfo', from(serviceInfo)],
  ['ping', constant({ status: 'healthy' })],
  ['health', constant({ status: 'ok' })],
  ['manifest', constant(MANIFEST)],

  ['model', about('text', model)],
  ['info-version', constant({ result: '1.2.5' })],
  ['max-length', about('text', ({ serving }) => value(replyLength(serving('text')[0])))],
  ['max-context', about('text', ({ serving }) => value(advisedContext(serving('text')[0])))],
  ['true-max-context', about('text', ({ serving }) => value(trueContext(serving('text')[0])))],
  ['soft-prompts', constant({ values: [] })],
  ['soft-prompt', constant({ value: '' })],
  ['models', from(models)],
  ['ollama-tags', from(ollamaTags)],
  ['ollama-ps', from(ollamaPs)],
  ['ollama-version', constant({ version: '0.7.0' })],
  ['ollama-show', answerShow],
  ['props', answerProps],
  ['slots', () => json(NO_SLOTS, 501)],

  ['sd-models', about('image', sdModels)],
  ['sd-options', about('image', sdOptions)],
  ['sd-samplers', about('image', sdList('/sdapi/v1/samplers', SAMPLERS))],
  ['sd-schedulers', about('image', sdList('/sdapi/v1/schedulers', SCHEDULERS))],
  ['sd-loras', about('image', sdList('/sdapi/v1/loras'))],
  ['sd-upscalers', about('image', sdList('/sdapi/v1/upscalers'))],
  ['sd-latent-upscalers', about('image', sdList('/sdapi/v1/latent-upscale-modes'))],
  ['comfy-object-info', about('image', objectInfoText, jsonText)],
  ['comfy-system-stats', about('image', systemStats)],
  ['comfy-checkpoints', about('image', checkpoints)],

  ['xtts-speakers-list', about('speech', speakersList)],
  ['xtts-speakers', about('speech', speakers)],
  ['xtts-settings', about('speech', speechSettings)],
  ['voices', about('speech', voices)],
]

/** Answered here while the backend that knows better is down. */
export const META_STAND_INS: Answers = [
  ['xtts-set', constant({ success: true })], // as KoboldCpp, which does nothing with them
  ['preloadstory', ({ facts }) => json(facts.serving('text')[0]?.said(STORY) ?? {})],
]

const STORY = '/api/extra/preloadstory'
/** What a backend of no known dialect says is passed on if it comes within this time. */
const VERBATIM_MS = 1_000

function constant(answer: unknown): Answer {
  return () => json(answer)
}

function from(render: Render): Answer {
  return ({ facts, gatherer }) => {
    gatherer.freshen()
    return json(render(facts))
  }
}

/** Of a backend whose dialect is generic nothing is known: it says itself what it can. */
function about<T>(
  workload: Workload,
  render: (facts: FaceFacts) => T,
  write: (rendered: T) => OwnAnswer = json,
): Answer {
  return (context, call) => {
    context.gatherer.freshen()
    const [first] = context.facts.serving(workload)
    const answer = () => write(render(context.facts))
    if (!first || !speaksForItself(first.config.dialect, call.match.row.id)) return answer()
    if (!canLook(context.pool.get(first.config.name))) return answer()
    return verbatim(context.pool, first.config.name, call).then((own) => own ?? answer())
  }
}

/** A generic backend is not known, and an AUTOMATIC1111 changes its model whenever somebody asks it to. */
function speaksForItself(dialect: DialectName, rowId: string): boolean {
  return dialect === 'generic' || (dialect === 'a1111' && MODEL_IN_USE.has(rowId))
}

const MODEL_IN_USE = new Set(['sd-models', 'sd-options'])

async function verbatim(
  pool: FaceContext['pool'],
  name: string,
  { path, query }: FaceCall,
): Promise<OwnAnswer | undefined> {
  const asked = query === '' ? path : `${path}?${query}`
  const seen = await look(pool, name, { path: asked, ms: VERBATIM_MS })
  const said = seen?.status === 200 ? parse(seen.body) : undefined
  return said === undefined ? undefined : json(withoutPaths(said))
}

async function answerProps({ facts, live, gatherer }: FaceContext): Promise<OwnAnswer> {
  gatherer.freshen()
  const [text] = facts.serving('text')
  return json(props(text, text && (await live.ask(text.config.name, '/props'))))
}

async function answerPerf({ config, facts, ...context }: FaceContext): Promise<OwnAnswer> {
  const [text] = facts.serving('text')
  const kobolds = config.backends.filter(({ dialect }) => dialect === 'koboldcpp')
  const said = await Promise.all(
    kobolds.map(async ({ name }) => ({
      isText: name === text?.config.name,
      perf: await context.live.ask(name, '/api/extra/perf'),
    })),
  )
  const uptime = Math.floor((performance.now() - context.startedMs) / 1000)
  return json(perf({ said, statuses: context.pool.statuses(), uptime }))
}

async function answerShow({ facts }: FaceContext, call: FaceCall): Promise<OwnAnswer> {
  const asked = parse(await call.body())
  const shown = ollamaShow(facts, textOf(asked, 'model') ?? textOf(asked, 'name'))
  return shown ? json(shown) : json({ error: 'there is no text model' }, 404)
}

function jsonText(text: string): OwnAnswer {
  return whole('application/json', text)
}

function value(number: number) {
  return { value: number }
}
