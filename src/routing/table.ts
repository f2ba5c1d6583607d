import type { Workload } from '../config/config.js'
import { type Family, type GatewayAnswer, type Row, type RowTarget, rowOf, rowsOf } from './row.js'

const ANY: readonly string[] = []
const GET: readonly string[] = ['GET']
const POST: readonly string[] = ['POST']
/** All but GET, which never starts a backend. */
const CHANGES: readonly string[] = ['POST', 'PUT', 'PATCH', 'DELETE']

const TEXT: RowTarget = { workload: 'text' }
const IMAGE: RowTarget = { workload: 'image' }
const TRANSCRIBE: RowTarget = { workload: 'transcribe', otherwise: 'text' }
const SPEECH: RowTarget = { workload: 'speech' }
const EMBEDDINGS: RowTarget = { workload: 'embeddings', otherwise: 'text' }
const MUSIC: RowTarget = { workload: 'music' }

/** Work: starts a backend, waits its turn. */
const work = (to: RowTarget, methods = POST): Family => ({ to, methods, wake: true, lane: true })
/** Answered at once, and worth starting a backend for. */
const quick = (to: RowTarget, methods = CHANGES): Family => ({ to, methods, wake: true })
/** Answered at once by a backend that is up; starts nothing. */
const look = (to: RowTarget, methods = GET): Family => ({ to, methods })
/** Answered by the gateway. */
const own = (gateway: GatewayAnswer, of: Workload | 'all', methods = GET): Family => ({
  to: { gateway, of },
  methods,
})

/** Takes what no other row takes. */
export const LAST_ROW: Row = rowOf(
  { to: TEXT, methods: ANY, lane: true, idleOnly: true, fallback: true },
  ['other', '/*', 'kobold', 'Everything else, while the text backend is up and idle'],
)

/**
 * Every path that KoboldCpp and its clients use, and who answers it. Rows marked `first` are tried
 * first, then all exact patterns, all suffixes, and at last prefixes and `contains`; within each, the
 * earlier row wins. The last row takes whatever is left, so every request matches exactly one row.
 * Source: KoboldCpp 1.116.1 and 1.117.1, `koboldcpp.py`, do_GET and do_POST.
 */
export const TABLE: readonly Row[] = Object.freeze([
  ...rowsOf({ ...own('preflight', 'all', ['OPTIONS', 'HEAD']), first: true }, [
    ['preflight', '/*', 'kobold', 'Cross-origin preflight and HEAD'],
  ]),
  ...rowsOf({ ...own('shutdown', 'all', POST), first: true }, [
    ['shutdown', '*/api/extra/shutdown', 'kobold', 'Shutdown; never passed on'],
  ]),
  ...rowsOf({ ...own('admin', 'all', ANY), first: true }, [
    ['admin', '*/api/admin/*', 'kobold', 'Administration; never passed on'],
  ]),
  ...rowsOf({ ...own('websocket', 'image'), upgrade: true }, [
    ['comfy-ws', '/ws', 'comfyui', 'ComfyUI progress over a WebSocket'],
  ]),

  ...rowsOf({ ...work(TEXT, GET), upgrade: true }, [
    ['realtime', '/v1/realtime', 'openai', 'OpenAI Realtime, over a WebSocket'],
  ]),

  ...rowsOf(own('meta', 'all'), [
    ['version', '*/api/extra/version', 'kobold', 'What the backends can do'],
    ['perf', '*/api/extra/perf', 'kobold', 'Speeds and counters'],
    ['serviceinfo', '*/.well-known/serviceinfo', 'kobold', 'Name and links of the service'],
    ['ping', '/ping', 'kobold', 'Sign of life'],
    ['health', '/health', 'openai', 'Sign of life (llama.cpp)'],
    ['manifest', '*/manifest.json', 'kobold', 'Web app manifest'],
  ]),
  ...rowsOf(own('meta', 'text'), [
    ['model', '*/api/v1/model */api/latest/model', 'kobold', 'Name of the text model'],
    ['info-version', '*/api/v1/info/version */api/latest/info/version', 'kobold', 'API version'],
    [
      'max-length',
      '*/api/v1/config/max_length */api/latest/config/max_length',
      'kobold',
      'Reply size',
    ],
    [
      'max-context',
      '*/api/v1/config/max_context_length */api/latest/config/max_context_length',
      'kobold',
      'Context size that is advised',
    ],
    [
      'soft-prompts',
      '*/api/v1/config/soft_prompts_list */api/latest/config/soft_prompts_list',
      'kobold',
      'Soft prompts, of which there are none',
    ],
    [
      'soft-prompt',
      '*/api/v1/config/soft_prompt */api/latest/config/soft_prompt',
      'kobold',
      'Soft prompt in use, which is none',
    ],
    ['true-max-context', '*/api/extra/true_max_context_length', 'kobold', 'Context size in truth'],
    ['models', '*/v1/models /models', 'openai', 'Text models'],
    ['ollama-tags', '*/api/tags', 'ollama', 'Text models'],
    ['ollama-ps', '*/api/ps', 'ollama', 'Text models that are loaded'],
    ['ollama-version', '*/api/version', 'ollama', 'Ollama version that is spoken'],
    ['props', '/props', 'openai', 'Chat template and modalities (llama.cpp)'],
    ['slots', '/slots', 'openai', 'Slots (llama.cpp)'],
  ]),
  ...rowsOf(own('meta', 'text', POST), [
    ['ollama-show', '/api/show', 'ollama', 'Details of a text model'],
  ]),
  ...rowsOf(own('meta', 'image'), [
    ['sd-models', '*/sdapi/v1/sd-models', 'a1111', 'Image models'],
    ['sd-options', '*/sdapi/v1/options', 'a1111', 'Image model in use'],
    ['sd-samplers', '*/sdapi/v1/samplers', 'a1111', 'Samplers'],
    ['sd-schedulers', '*/sdapi/v1/schedulers', 'a1111', 'Schedulers'],
    ['sd-loras', '*/sdapi/v1/loras', 'a1111', 'Image LoRAs'],
    ['sd-upscalers', '*/sdapi/v1/upscalers', 'a1111', 'Upscalers'],
    ['sd-latent-upscalers', '*/sdapi/v1/latent-upscale-modes', 'a1111', 'Latent upscalers'],
    ['comfy-object-info', '/object_info', 'comfyui', 'Nodes of ComfyUI'],
    ['comfy-system-stats', '/system_stats', 'comfyui', 'System as ComfyUI shows it'],
    ['comfy-checkpoints', '*/models/checkpoints', 'comfyui', 'Image models'],
  ]),
  ...rowsOf(own('meta', 'speech'), [
    ['xtts-speakers-list', '*/speakers_list', 'xtts', 'Voices'],
    ['xtts-speakers', '*/speakers', 'xtts', 'Voices'],
    ['xtts-settings', '*/get_tts_settings', 'xtts', 'Speech settings'],
    ['voices', '*/v1/audio/voices /audio/voices', 'openai', 'Voices'],
  ]),

  ...rowsOf(work(TEXT), [
    [
      'interrogate',
      '*/sdapi/v1/interrogate',
      'a1111',
      'Describe a picture: vision of the text model',
    ],
  ]),
  ...rowsOf(own('image-missing', 'image', POST), [
    ['sd-options-set', '*/sdapi/v1/options', 'a1111', 'Choose the image model'],
    ['sd-interrupt', '*/sdapi/v1/interrupt', 'a1111', 'Stop the picture being made'],
    ['sd-skip', '*/sdapi/v1/skip', 'a1111', 'Skip the picture being made'],
    ['comfy-interrupt', '/interrupt', 'comfyui', 'Stop the picture being made'],
    ['comfy-queue-change', '/queue', 'comfyui', 'Take prompts out of the queue'],
    ['comfy-history-change', '/history /api/history', 'comfyui', 'Forget pictures that are done'],
  ]),
  ...rowsOf({ ...own('image-missing', 'image', POST), wake: true, lane: true }, [
    ['comfy-prompt', '/prompt', 'comfyui', 'Pictures from a ComfyUI workflow'],
    ['comfy-upload', '/upload/image* /api/upload/image*', 'comfyui', 'Picture to start from'],
  ]),
  ...rowsOf(own('image-missing', 'image'), [
    ['sd-progress', '*/sdapi/v1/progress', 'a1111', 'How far the picture is'],
    ['sd-vae', '*/sdapi/v1/sd-vae', 'a1111', 'VAE models'],
    ['sd-modules', '*/sdapi/v1/sd-modules', 'a1111', 'Modules'],
    ['sd-memory', '*/sdapi/v1/memory', 'a1111', 'Memory of the machine'],
    ['comfy-queue', '/queue', 'comfyui', 'Pictures that wait'],
    ['comfy-state', '/prompt', 'comfyui', 'How many pictures wait'],
    ['comfy-history', '/history* /api/history*', 'comfyui', 'Pictures that are done'],
    ['comfy-view', '/view* /api/view', 'comfyui', 'A picture'],
  ]),
  ...rowsOf(look(IMAGE), [
    ['sd-look', '*/sdapi/v1/*', 'a1111', 'Any other A1111 list'],
    ['image-look', '*/v1/images/generations /images/generations', 'openai', 'Made with POST'],
    ['comfy-look', '/upload/image* /api/upload/image*', 'comfyui', 'Made with POST'],
    ['comfy-loras', '/models/loras /api/models/loras', 'comfyui', 'Image LoRAs'],
    ['sd-page', '/sdui*', 'a1111', 'StableUI page'],
  ]),
  ...rowsOf(work(IMAGE, CHANGES), [
    [
      'sd-work',
      '*/sdapi/v1/*',
      'a1111',
      'Pictures: txt2img, img2img, upscale and the rest of A1111',
    ],
    ['image-generations', '*/v1/images/generations /images/generations', 'openai', 'Pictures'],
    [
      'comfy-work',
      '/prompt /upload/image* /api/upload/image* /history* /api/history* /view* /api/view',
      'comfyui',
      'Changes to pictures',
    ],
  ]),

  ...rowsOf(work(TRANSCRIBE), [
    ['transcribe', '*/api/extra/transcribe', 'kobold', 'Speech to text'],
    [
      'transcriptions',
      '*/v1/audio/transcriptions /audio/transcriptions',
      'openai',
      'Speech to text',
    ],
    ['translations', '*/v1/audio/translations', 'openai', 'Speech to English text'],
    ['whisper-inference', '/inference', 'openai', 'Speech to text (whisper.cpp)'],
  ]),
  ...rowsOf(work(SPEECH), [
    ['tts', '*/api/extra/tts', 'kobold', 'Text to speech'],
    ['speech', '*/v1/audio/speech /audio/speech', 'openai', 'Text to speech'],
    ['xtts-speech', '*/tts_to_audio', 'xtts', 'Text to speech'],
  ]),
  ...rowsOf(work(SPEECH, GET), [['vits-speech', '/voice/vits', 'xtts', 'Text to speech (VITS)']]),
  ...rowsOf(look(SPEECH), [['vits-look', '/voice/check /voice/speakers', 'xtts', 'Voices (VITS)']]),
  ...rowsOf(look(SPEECH, POST), [
    ['xtts-set', '*/set_tts_settings', 'xtts', 'Set speech settings'],
  ]),
  ...rowsOf(work(EMBEDDINGS), [
    ['kobold-embeddings', '*/api/extra/embeddings', 'kobold', 'Embeddings'],
    ['embeddings', '*/v1/embeddings', 'openai', 'Embeddings'],
    ['ollama-embeddings', '*/api/embed */api/embeddings', 'ollama', 'Embeddings'],
  ]),
  ...rowsOf(work(EMBEDDINGS), [
    [
      'short-embeddings',
      '/embeddings',
      'openai',
      'Embeddings; KoboldCpp knows only /v1/embeddings',
    ],
  ]),
  ...rowsOf(look(MUSIC), [['music-look', '*/api/extra/music/* /musicui*', 'kobold', 'Music page']]),
  ...rowsOf(work(MUSIC, CHANGES), [['music', '*/api/extra/music/* /musicui*', 'kobold', 'Music']]),

  ...rowsOf(own('running', 'text', POST), [
    ['abort', '*/api/extra/abort', 'kobold', 'End the generation that is running'],
  ]),
  ...rowsOf(own('running', 'text', ['GET', 'POST']), [
    ['check', '*/api/extra/generate/check', 'kobold', 'Text so far'],
    ['last-logprobs', '*/api/extra/last_logprobs', 'kobold', 'Probabilities of the last tokens'],
  ]),
  ...rowsOf(look(TEXT, POST), [
    ['tokencount', '*/api/extra/tokencount */api/extra/tokenize', 'kobold', 'Count tokens'],
    ['detokenize', '*/api/extra/detokenize', 'kobold', 'Tokens to text'],
    ['json-to-grammar', '*/api/extra/json_to_grammar', 'kobold', 'JSON schema to grammar'],
  ]),
  ...rowsOf(work(TEXT), [
    ['generate', '*/api/v1/generate */api/latest/generate', 'kobold', 'Text, answered whole'],
    ['generate-stream', '*/api/extra/generate/stream', 'kobold', 'Text, streamed'],
    ['completions', '*/v1/completions */v1/completion /completions', 'openai', 'Text'],
    ['chat-completions', '*/v1/chat/completions /chat/completions', 'openai', 'Chat'],
    ['responses', '*/v1/responses /responses', 'openai', 'OpenAI Responses'],
    ['messages', '*/v1/messages /messages', 'anthropic', 'Anthropic Messages'],
    ['ollama-generate', '*/api/generate', 'ollama', 'Text'],
    ['ollama-chat', '*/api/chat', 'ollama', 'Chat'],
    ['kai-request', '*/request', 'kobold', 'Text (KoboldAI basic)'],
  ]),
  ...rowsOf(look(TEXT), [
    ['preloadstory', '/api/extra/preloadstory', 'kobold', 'Story to begin with'],
    ['text-look', '/api/extra/websearch* /mcp', 'kobold', 'Side services of the text backend'],
    [
      'state-look',
      '*/api/extra/data/* */api/extra/multiplayer/*',
      'kobold',
      'Saves and shared stories of the text backend',
    ],
  ]),
  ...rowsOf(quick(TEXT), [
    ['websearch', '/api/extra/websearch*', 'kobold', 'Search the web'],
    ['mcp', '/mcp', 'kobold', 'Tools (MCP)'],
    ['data-list', '*/api/extra/data/list', 'kobold', 'List of saves'],
    ['data', '*/api/extra/data/*', 'kobold', 'Load and save'],
    ['multiplayer', '*/api/extra/multiplayer/*', 'kobold', 'Shared story'],
  ]),
  ...rowsOf(look(TEXT), [
    [
      'page',
      '/ */api */api/v1 /docs /v1 /lcpp',
      'kobold',
      'Pages of the text backend; while it is down, our own',
    ],
  ]),
  ...rowsOf({ to: TEXT, methods: GET, lane: true }, [
    ['noscript-page', '/noscript', 'kobold', 'Page that generates; holds the lock'],
  ]),

  ...rowsOf({ ...look(TEXT), fallback: true }, [
    ['other-look', '/*', 'kobold', 'Everything else, while the text backend is up'],
  ]),
  LAST_ROW,
])
