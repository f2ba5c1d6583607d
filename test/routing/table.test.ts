import t from 'tap'
import { normalisePath } from '../../src/config/normalise-path.js'
import type { Call } from '../../src/routing/find-row.js'
import { createMatcher, type Match } from '../../src/routing/match.js'
import { TABLE } from '../../src/routing/table.js'

const matcher = createMatcher([])

function matchOf(method: string, url: string, headers: Call['headers'] = {}): Match {
  return matcher.match({ method, path: normalisePath(url)!, headers })
}

/** `image`, `text if idle`, `gateway meta image`, ...; then `+` if it starts one, `|` if it waits. */
function meaningOf({ to, row, wake, lane, idleOnly }: Match): string {
  const target = to.workload ?? `${to.gateway} ${row.to.gateway === undefined ? '' : row.to.of}`
  return `${target}${idleOnly ? ' if idle' : ''} ${wake ? '+' : '-'}${lane ? '|' : ''}`
}

/** Kobold-wire sections 1, 2 and 9: meaning, method, paths. */
const EXPECTED: readonly (readonly [meaning: string, methods: string, paths: string])[] = [
  ['image +|', 'PUT DELETE', '/history /api/history/x /view /prompt /sdapi/v1/x'],
  ['image -', 'GET', '/v1/images/generations /upload/image'],
  ['text -', 'GET', '/api/extra/data/list /api/extra/data/load /api/extra/multiplayer/status'],
  [
    'preflight all -',
    'OPTIONS HEAD',
    '/ /api/v1/generate /sdapi/v1/txt2img /api/extra/shutdown /x',
  ],
  ['shutdown all -', 'POST', '/api/extra/shutdown /foo/api/extra/shutdown/'],
  [
    'admin all -',
    'GET POST PUT',
    '/api/admin/list_options /api/admin/reload_config /api/admin/check_state /api/admin/load_state ' +
      '/api/admin/save_state /api/admin/clear_state /api/admin/reload_config/v1/completions',
  ],
  [
    'meta all -',
    'GET',
    '/api/extra/version /api/extra/perf /.well-known/serviceinfo /ping /manifest.json /health',
  ],
  [
    'meta text -',
    'GET',
    '/api/v1/model /api/latest/model /api/v1/info/version /api/v1/config/max_length ' +
      '/api/v1/config/max_context_length /api/v1/config/soft_prompt /api/latest/config/max_length ' +
      '/api/v1/config/soft_prompts_list /api/extra/true_max_context_length /v1/models /models ' +
      '/api/tags /api/ps /api/version /props /slots /foo/bar/api/v1/model /lcpp/props /lcpp/v1/models',
  ],
  ['meta text -', 'POST', '/api/show'],
  [
    'meta image -',
    'GET',
    '/sdapi/v1/sd-models /sdapi/v1/options /sdapi/v1/samplers /sdapi/v1/schedulers ' +
      '/sdapi/v1/loras /sdapi/v1/upscalers /sdapi/v1/latent-upscale-modes /object_info ' +
      '/system_stats /models/checkpoints /api/models/checkpoints',
  ],
  [
    'meta speech -',
    'GET',
    '/speakers_list /speakers /v1/audio/voices /audio/voices /get_tts_settings',
  ],
  [
    'image-missing image -',
    'POST',
    '/sdapi/v1/options /sdapi/v1/interrupt /sdapi/v1/skip /interrupt /queue /history /api/history',
  ],
  ['image-missing image +|', 'POST', '/prompt /upload/image /api/upload/image'],
  [
    'image-missing image -',
    'GET',
    '/sdapi/v1/progress /sdapi/v1/progress?skip_current_image=true /sdapi/v1/sd-vae ' +
      '/sdapi/v1/sd-modules /sdapi/v1/memory /queue /prompt /history /history/abc /api/history ' +
      '/api/history/abc /view /view.png /api/view /view_image',
  ],
  ['text +|', 'POST', '/sdapi/v1/interrogate'],
  [
    'image +|',
    'POST',
    '/sdapi/v1/txt2img /sdapi/v1/img2img /sdapi/v1/upscale /sdapi/v1/extra-single-image ' +
      '/v1/images/generations /images/generations ' +
      '/x/sdapi/v1/unknown',
  ],
  [
    'image -',
    'GET',
    '/sdapi/v1/get_last.png?genkey=K /models/loras /api/models/loras /sdui /sdui/x',
  ],
  [
    'transcribe +|',
    'POST',
    '/api/extra/transcribe /v1/audio/transcriptions /v1/audio/translations ' +
      '/audio/transcriptions /inference',
  ],
  [
    'speech +|',
    'POST',
    '/api/extra/tts /v1/audio/speech /audio/speech /tts_to_audio /tts_to_audio/',
  ],
  ['speech +|', 'GET', '/voice/vits?text=hello'],
  ['speech -', 'GET', '/voice/check /voice/speakers'],
  ['speech -', 'POST', '/set_tts_settings'],
  [
    'embeddings +|',
    'POST',
    '/api/extra/embeddings /v1/embeddings /embeddings /api/embed /api/embeddings',
  ],
  ['music +|', 'POST', '/api/extra/music/prepare /api/extra/music/generate'],
  ['music -', 'GET', '/musicui /musicui/x /api/extra/music/x'],
  ['running text -', 'POST', '/api/extra/abort'],
  ['running text -', 'GET POST', '/api/extra/generate/check /api/extra/last_logprobs'],
  [
    'text -',
    'POST',
    '/api/extra/tokencount /api/extra/tokenize /api/extra/detokenize /api/extra/json_to_grammar',
  ],
  [
    'text +|',
    'POST',
    '/api/v1/generate /api/latest/generate /api/extra/generate/stream /v1/completions ' +
      '/v1/completion /completions /v1/chat/completions /chat/completions /v1/responses ' +
      '/responses /v1/messages /messages /api/generate /api/chat /request /a/b/request ' +
      '/lcpp/v1/chat/completions /api/v1/chat/completions',
  ],
  [
    'text +',
    'POST',
    '/api/extra/websearch /mcp /api/extra/data/list /api/extra/data/load /api/extra/data/save ' +
      '/api/extra/multiplayer/status /api/extra/multiplayer/getstory /api/extra/multiplayer/setstory',
  ],
  [
    'text -',
    'GET',
    '/ /api /foo/api /api/v1 /docs /v1 /lcpp /lcpp/ /api/extra/preloadstory /mcp /unknown ' +
      '/v1/chat/completions /fs/x /static/x /api/extra/fs/x /sd /ws',
  ],
  ['text -|', 'GET', '/noscript'],
  [
    'text if idle -|',
    'POST PUT PATCH DELETE',
    '/unknown /completion /tokenize /v1 /api /api/extra/fs/x /metrics /object_info /props',
  ],
]

t.test('every path that KoboldCpp and its clients use goes where it belongs', async (t) => {
  for (const [meaning, methods, paths] of EXPECTED) {
    for (const method of methods.split(' ')) {
      for (const path of paths.split(' ')) {
        t.equal(meaningOf(matchOf(method, path)), meaning, `${method} ${path}`)
      }
    }
  }
})

t.test('every row of the table is met by one of the paths above', async (t) => {
  const met = new Set(
    EXPECTED.flatMap(([, methods, paths]) =>
      methods
        .split(' ')
        .flatMap((method) => paths.split(' ').map((path) => matchOf(method, path).row.id)),
    ),
  )
  const rest = TABLE.map(({ id }) => id).filter((id) => !met.has(id))
  t.same(rest, ['comfy-ws', 'realtime'])
  t.equal(new Set(TABLE.map(({ id }) => id)).size, TABLE.length, 'ids are unique')
})

/** Paths that look alike; which row takes them. */
const COLLISIONS: readonly (readonly [method: string, path: string, id: string])[] = [
  ['GET', '/api/version', 'ollama-version'],
  ['GET', '/api/extra/version', 'version'],
  ['GET', '/api/v1/info/version', 'info-version'],
  ['POST', '/api/generate', 'ollama-generate'],
  ['POST', '/api/v1/generate', 'generate'],
  ['POST', '/api/extra/generate/stream', 'generate-stream'],
  ['POST', '/api/extra/music/generate', 'music'],
  ['GET', '/models', 'models'],
  ['GET', '/models/checkpoints', 'comfy-checkpoints'],
  ['GET', '/models/loras', 'comfy-loras'],
  ['GET', '/sdapi/v1/loras', 'sd-loras'],
  ['GET', '/api/v1/model', 'model'],
  ['GET', '/api/v1/models', 'models'],
  ['GET', '/sdapi/v1/options', 'sd-options'],
  ['POST', '/sdapi/v1/options', 'sd-options-set'],
  ['POST', '/sdapi/v1/interrogate', 'interrogate'],
  ['GET', '/sdapi/v1/interrogate', 'sd-look'],
  ['POST', '/sdapi/v1/interrupt', 'sd-interrupt'],
  ['POST', '/interrupt', 'comfy-interrupt'],
  ['GET', '/v1', 'page'],
  ['GET', '/v1/models', 'models'],
  ['POST', '/v1/completions', 'completions'],
  ['GET', '/api', 'page'],
  ['GET', '/api/v1', 'page'],
  ['GET', '/api/tags', 'ollama-tags'],
  ['GET', '/speakers', 'xtts-speakers'],
  ['GET', '/x/speakers', 'xtts-speakers'],
  ['GET', '/voice/speakers', 'vits-look'],
  ['GET', '/speakers_list', 'xtts-speakers-list'],
  ['POST', '/request', 'kai-request'],
  ['POST', '/any/thing/request', 'kai-request'],
  ['POST', '/xrequest', 'other'],
  ['GET', '/request', 'other-look'],
  ['POST', '/embeddings', 'short-embeddings'],
  ['POST', '/v1/embeddings', 'embeddings'],
  ['POST', '/api/extra/embeddings', 'kobold-embeddings'],
  ['POST', '/api/embeddings', 'ollama-embeddings'],
  ['POST', '/foo/embeddings', 'other'],
  ['POST', '/completions', 'completions'],
  ['POST', '/foo/completions', 'other'],
  ['POST', '/prompt', 'comfy-prompt'],
  ['POST', '/foo/prompt', 'other'],
  ['POST', '/api/extra/data/list', 'data-list'],
  ['POST', '/api/extra/data/save', 'data'],
  ['GET', '/api/extra/data/list', 'state-look'],
  ['GET', '/API/V1/MODEL', 'other-look'],
]

t.test('paths that look alike are told apart', async (t) => {
  for (const [method, path, id] of COLLISIONS) {
    t.equal(matchOf(method, path).row.id, id, `${method} ${path}`)
  }
})

t.test('/ws and /v1/realtime are WebSockets only for a request that offers one', async (t) => {
  t.equal(matchOf('GET', '/ws', { upgrade: 'WebSocket' }).row.id, 'comfy-ws')
  t.equal(matchOf('GET', '/ws', { upgrade: 'h2c' }).row.id, 'other-look')
  t.equal(matchOf('GET', '/ws').row.id, 'other-look')
  t.equal(matchOf('POST', '/ws', { upgrade: 'websocket' }).row.id, 'other')
  t.equal(matchOf('GET', '/v1/realtime', { upgrade: 'websocket' }).row.id, 'realtime')
  t.equal(matchOf('GET', '/v1/realtime').row.id, 'other-look')
})

t.test('callers get their errors in the dialect of the path', async (t) => {
  const callers = {
    '/api/v1/generate': 'kobold',
    '/v1/chat/completions': 'openai',
    '/v1/messages': 'anthropic',
    '/api/chat': 'ollama',
    '/sdapi/v1/txt2img': 'a1111',
    '/prompt': 'comfyui',
    '/tts_to_audio/': 'xtts',
    '/never/heard/of': 'kobold',
  }
  for (const [path, caller] of Object.entries(callers)) {
    t.equal(matchOf('POST', path).caller, caller, path)
  }
})

t.test('speech to text and embeddings fall back on the text backend', async (t) => {
  for (const path of ['/api/extra/transcribe', '/inference', '/v1/embeddings', '/embeddings']) {
    t.match(matchOf('POST', path).to, { otherwise: 'text' }, path)
  }
})
