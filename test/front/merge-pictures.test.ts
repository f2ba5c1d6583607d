import t from 'tap'
import { checkpoints, objectInfo, systemStats } from '../../src/front/comfy-lists.js'
import { reportedModels } from '../../src/front/reported.js'
import { imageModels, SAMPLERS, sdList, sdModels, sdOptions } from '../../src/front/sd-lists.js'
import { speakers, speakersList, voices } from '../../src/front/voices.js'
import { factsOf, kobold } from './known.js'

const TWO = { llm: kobold('text'), a: kobold('image'), b: kobold('image') }
const entry = (name: string, filename: string) => ({ title: name, model_name: name, filename })
const models = (name: string, filename: string) => ({
  '/sdapi/v1/sd-models': [entry(name, filename)],
})

t.test(
  'each image backend is one model, by a name of its own, and no folder is told',
  async (t) => {
    t.match(sdModels(factsOf(TWO)), [
      { title: 'a', model_name: 'a', filename: 'a' },
      { title: 'b', model_name: 'b', filename: 'b' },
    ])
    const said = {
      a: models('xl', '/srv/models/xl.safetensors'),
      b: models('xl', 'C:\\Users\\me\\xl.safetensors'),
    }
    const facts = factsOf(TWO, said)
    t.match(sdModels(facts), [
      { title: 'xl', model_name: 'xl', filename: 'xl.safetensors' },
      { title: 'xl (b)', model_name: 'xl (b)', filename: 'xl.safetensors' },
    ])
    t.same(
      imageModels(facts).map(({ backend, title }) => [title, backend]),
      [
        ['xl', 'a'],
        ['xl (b)', 'b'],
      ],
    )
    t.match(sdOptions(facts), { sd_model_checkpoint: 'xl' })
    t.match(
      sdOptions(factsOf(TWO, said, 'b')),
      { sd_model_checkpoint: 'xl' },
      'b is the first then',
    )
    t.notMatch(JSON.stringify(sdModels(facts)), /srv|Users/)
  },
)

t.test('a backend with many models is shown with the one in use', async (t) => {
  const said = {
    '/sdapi/v1/sd-models': [entry('one', '/m/one.ckpt'), entry('two', '/m/two.ckpt')],
    '/sdapi/v1/options': { sd_model_checkpoint: 'two', outdir: '/home/me' },
  }
  const facts = factsOf({ a: { ...kobold('image'), dialect: 'a1111' } }, { a: said })
  t.match(sdModels(facts), [{ title: 'two', filename: 'two.ckpt' }])
  t.same(Object.keys(sdOptions(facts)), ['samples_format', 'sd_model_checkpoint'])
})

t.test('lists have something to choose from before the first run', async (t) => {
  const samplers = sdList('/sdapi/v1/samplers', SAMPLERS)
  t.match(samplers(factsOf(TWO)), [{ name: 'Euler' }])
  const said = { '/sdapi/v1/samplers': [{ name: 'UniPC' }] }
  t.same(samplers(factsOf(TWO, { a: said })), [{ name: 'UniPC' }])
  const lora = { '/sdapi/v1/loras': [{ name: 'x', path: '\\\\nas\\loras\\x.safetensors' }] }
  t.same(sdList('/sdapi/v1/loras')(factsOf(TWO, { a: lora })), [
    { name: 'x', path: 'x.safetensors' },
  ])
})

t.test('the nodes of a KoboldCpp get the loaders that clients look for', async (t) => {
  t.match(objectInfo(factsOf(TWO)), {
    KSampler: { input: { required: { sampler_name: [['euler', 'euler_a']] } } },
    CheckpointLoaderSimple: { input: { required: { ckpt_name: [['a', 'b']] } } },
    UNETLoader: { input: { required: { unet_name: [[]] } } },
  })
  const said = { '/object_info': { KSampler: { mine: true } } }
  const facts = factsOf(TWO, { a: said })
  t.match(objectInfo(facts), { KSampler: { mine: true }, UNETLoader: { name: 'UNETLoader' } })
  t.equal(objectInfo(facts), objectInfo(facts), 'made once')
  t.same(checkpoints(facts), ['a', 'b'])
  t.same(checkpoints(factsOf(TWO, { a: { '/models/checkpoints': ['x.ckpt'] } })), ['x.ckpt'])
  const stats = { '/system_stats': { system: { os: 'nt', argv: ['main.py', 'C:\\ComfyUI\\in'] } } }
  t.match(systemStats(factsOf(TWO, { a: stats })), {
    system: { os: 'nt', argv: ['main.py', 'in'] },
  })
})

t.test('voices are the speech backend’s only', async (t) => {
  const invented = { '/speakers_list': ['kobo'], '/speakers': [{ name: 'kobo' }] }
  const without = factsOf(TWO, { llm: invented })
  t.same([speakersList(without), speakers(without)], [[], []])
  t.same(voices(without), { status: 'ok', voices: [] })
  const speech = { ...TWO, say: kobold('speech') }
  t.equal(speakersList(factsOf(speech)).length, 5, 'those of every KoboldCpp that speaks')
  const own = factsOf(speech, { say: { '/speakers_list': ['anna'] } })
  t.match(speakers(own), [{ name: 'anna', voice_id: 'anna' }])
  const other = factsOf({ say: { ...kobold('speech'), dialect: 'openai' } })
  t.match(voices(other), { voices: ['alloy'] })
})

t.test('without an image backend there is nothing to choose', async (t) => {
  const facts = factsOf({ llm: kobold('text') })
  t.same([sdModels(facts), sdList('/x', SAMPLERS)(facts), checkpoints(facts)], [[], [], []])
  t.match(sdOptions(facts), { sd_model_checkpoint: 'inactive' })
})

t.test('a model is found by the name that its backend reports', async (t) => {
  const said = {
    llm: { '/api/v1/model': { result: 'koboldcpp/Own-7B' } },
    b: models('xl', '/m/xl.ckpt'),
  }
  const find = reportedModels(factsOf(TWO, said))
  t.equal(find('text', 'Own-7B'), 'llm')
  t.equal(find('text', 'koboldcpp/Own-7B'), 'llm')
  t.equal(find('image', 'xl'), 'b')
  t.equal(find('text', 'xl'), undefined)
  t.equal(find('speech', 'xl'), undefined)
})
