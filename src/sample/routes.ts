import { synthesize, transcribe } from './audio/answer.js'
import { speakers, speakersList, voices } from './audio/voices.js'
import type { Handler } from './call.js'
import { embeddings } from './embeddings.js'
import { generateImage, generateOpenAiImage, interrogate, upscale } from './image/answer.js'
import { comfyHistory, comfyPrompt, comfyUpload, comfyView } from './image/comfy.js'
import { emptyList, samplers, schedulers, sdModels, sdOptions } from './image/lists.js'
import * as meta from './meta.js'
import { answerText } from './text/answer.js'
import { messages } from './text/anthropic.js'
import { kobold, koboldBasic, koboldStream } from './text/kobold.js'
import { ollamaChat, ollamaGenerate } from './text/ollama.js'
import { chat, completions } from './text/openai.js'
import { responses } from './text/responses.js'
import { abort, check, countTokens } from './text/side.js'

/** One endpoint. `locks`: takes the model lock. `isKeyed`: needs the password where one is set. */
export interface Route {
  readonly method: 'GET' | 'POST'
  /** What the path must end in, or with `=` before it, be, or with `^`, begin with. */
  readonly pattern: string
  readonly locks: boolean
  readonly isKeyed: boolean
  readonly handle: Handler
}

const ROUTES: readonly Route[] = [
  ...generation(answerText(kobold), ['/api/v1/generate', '/api/latest/generate']),
  ...generation(answerText(koboldStream), ['/api/extra/generate/stream']),
  ...generation(answerText(koboldBasic), ['/request']),
  ...generation(answerText(completions), ['/v1/completions', '/v1/completion', '=/completions']),
  ...generation(answerText(chat), ['/v1/chat/completions', '=/chat/completions']),
  ...generation(answerText(messages), ['/v1/messages', '=/messages']),
  ...generation(answerText(responses), ['/v1/responses', '=/responses']),
  ...generation(answerText(ollamaGenerate), ['/api/generate']),
  ...generation(answerText(ollamaChat), ['/api/chat']),
  ...generation(embeddings, ['/api/extra/embeddings', '/v1/embeddings']),
  ...generation(synthesize, ['/api/extra/tts', '/v1/audio/speech', '=/audio/speech']),
  ...generation(transcribe, [
    '/api/extra/transcribe',
    '/v1/audio/transcriptions',
    '=/audio/transcriptions',
  ]),
  ...openGeneration(synthesize, ['/tts_to_audio']),
  ...openGeneration(generateImage, ['/sdapi/v1/txt2img', '/sdapi/v1/img2img']),
  ...openGeneration(generateOpenAiImage, ['/v1/images/generations', '=/images/generations']),
  ...openGeneration(upscale, ['/sdapi/v1/upscale', '/sdapi/v1/extra-single-image']),
  ...openGeneration(interrogate, ['/sdapi/v1/interrogate']),
  ...openGeneration(comfyPrompt, ['=/prompt']),
  ...openGeneration(comfyUpload, ['^/upload/image', '^/api/upload/image']),

  side('POST', '/api/extra/tokencount', countTokens),
  side('POST', '/api/extra/tokenize', countTokens),
  side('POST', '/api/extra/abort', abort),
  side('POST', '/api/extra/generate/check', check),
  side('GET', '/api/extra/generate/check', check),

  open('/api/extra/version', meta.version),
  open('/api/extra/perf', meta.perf),
  open('/api/v1/model', meta.modelName),
  open('/api/latest/model', meta.modelName),
  open('/api/v1/info/version', meta.infoVersion),
  open('/api/latest/info/version', meta.infoVersion),
  open('/api/v1/config/max_length', meta.maxLength),
  open('/api/latest/config/max_length', meta.maxLength),
  open('/api/v1/config/max_context_length', meta.maxContextLength),
  open('/api/latest/config/max_context_length', meta.maxContextLength),
  open('/api/extra/true_max_context_length', meta.maxContextLength),
  open('/api/extra/preloadstory', meta.preloadStory),
  open('/v1/models', meta.openAiModels),
  open('=/models', meta.openAiModels),
  open('/api/tags', meta.ollamaTags),
  open('/api/ps', meta.ollamaTags),
  open('/api/version', meta.ollamaVersion),
  open('=/props', meta.props),
  open('=/ping', meta.ping),
  open('=/', meta.page),

  open('/sdapi/v1/sd-models', sdModels),
  open('/sdapi/v1/options', sdOptions),
  open('/sdapi/v1/samplers', samplers),
  open('/sdapi/v1/schedulers', schedulers),
  open('/sdapi/v1/loras', emptyList),
  open('/sdapi/v1/upscalers', emptyList),
  open('/sdapi/v1/latent-upscale-modes', emptyList),

  open('=/history', comfyHistory),
  open('^/history/', comfyHistory),
  open('=/api/history', comfyHistory),
  open('^/api/history/', comfyHistory),
  open('=/view', comfyView),
  open('=/api/view', comfyView),

  open('/speakers_list', speakersList),
  open('/speakers', speakers),
  open('/v1/audio/voices', voices),
  open('=/audio/voices', voices),
]

/** Finds the endpoint of a path, any prefix allowed where KoboldCpp allows one; a GET may begin with /lcpp. */
export function findRoute(method: string, path: string): Route | undefined {
  const local = method === 'GET' ? path.replace(/^\/lcpp(?=\/)/, '') : path
  return ROUTES.find((route) => route.method === method && matches(route.pattern, local))
}

function matches(pattern: string, path: string): boolean {
  if (pattern.startsWith('^')) return path.startsWith(pattern.slice(1))
  return pattern.startsWith('=') ? path === pattern.slice(1) : path.endsWith(pattern)
}

function generation(handle: Handler, patterns: readonly string[]): readonly Route[] {
  return patterns.map((pattern) => {
    return { method: 'POST', pattern, handle, locks: true, isKeyed: true }
  })
}

function openGeneration(handle: Handler, patterns: readonly string[]): readonly Route[] {
  return patterns.map((pattern) => {
    return { method: 'POST', pattern, handle, locks: true, isKeyed: false }
  })
}

function side(method: 'GET' | 'POST', pattern: string, handle: Handler): Route {
  return { method, pattern, handle, locks: false, isKeyed: true }
}

function open(pattern: string, handle: Handler): Route {
  return { method: 'GET', pattern, handle, locks: false, isKeyed: false }
}
