import t from 'tap'
import { questionsFor } from '../../src/front/questions.js'
import { backendConfig } from '../helpers/backend.js'

const ask = (settings: object) => questionsFor(backendConfig(settings))
const paths = (settings: object) => ask(settings).map(({ path }) => path)

t.test('a backend is asked about the work that it serves, in its own dialect', async (t) => {
  const text = paths({ dialect: 'koboldcpp' })
  t.equal(text[0], '/api/extra/version')
  t.ok(text.includes('/api/v1/model'))
  t.notOk(text.some((path) => path.includes('sdapi') || path.includes('speakers')))
  const image = paths({ dialect: 'koboldcpp', serves: ['image'] })
  t.ok(image.includes('/sdapi/v1/samplers'))
  t.notOk(image.includes('/api/v1/model'))
  t.same(paths({ dialect: 'openai' }), ['/v1/models', '/props'])
  t.ok(paths({ dialect: 'comfyui', serves: ['image'] }).includes('/object_info'))
  t.same(paths({ dialect: 'generic', serves: ['text', 'image', 'speech'] }), [])
  t.same(paths({ dialect: 'a1111', serves: [] }), [])
})

t.test('an answer that says nothing is none', async (t) => {
  const all = ask({ dialect: 'koboldcpp', serves: ['text', 'image', 'speech'] })
  const judge = (path: string, answer: unknown) =>
    all.find((question) => question.path === path)?.isGood(answer)
  const none: [string, unknown][] = [
    ['/api/extra/version', { result: 'Other' }],
    ['/api/v1/model', { result: 'inactive' }],
    ['/api/v1/model', { result: 'koboldcpp/protected-model' }],
    ['/v1/models', { data: [{ id: 'inactive' }] }],
    ['/api/extra/true_max_context_length', { value: 0 }],
    ['/sdapi/v1/sd-models', []],
    ['/sdapi/v1/sd-models', [{ model_name: 'inactive' }]],
    ['/sdapi/v1/options', { sd_model_checkpoint: 'inactive' }],
    ['/sdapi/v1/samplers', []],
    ['/speakers_list', []],
    ['/props', null],
  ]
  for (const [path, answer] of none) t.equal(judge(path, answer), false, path)
  for (const { path } of all) t.equal(judge(path, undefined), false, path)
  t.equal(judge('/api/v1/model', { result: 'koboldcpp/a' }), true)
  t.equal(judge('/sdapi/v1/loras', []), true)
  t.equal(judge('/v1/audio/voices', { voices: ['a'] }), true)
})
