import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { modelBytes } from '../../src/memory/model-files.js'

const of = (bytes: number) => 'x'.repeat(bytes)

t.test(
  'the model files among the arguments are weighed, wherever an argument holds them',
  async (t) => {
    const cwd = t.testdir({
      models: { 'llm.gguf': of(7), 'mm.GGUF': of(20) },
      'notes.txt': of(100),
    })
    const file = join(cwd, 'models/llm.gguf')
    t.equal(await modelBytes(['-m', file, '--ctx', '4096', '--threads', '8'], cwd), 7)
    t.equal(await modelBytes([`--model=${file}`], cwd), 7)
    t.equal(await modelBytes(['--model', 'models/llm.gguf'], cwd), 7, 'from where it is started')
    t.equal(await modelBytes(['-m=models/llm.gguf', '--mmproj=models/mm.GGUF'], cwd), 27)
    t.equal(await modelBytes(['notes.txt', '--prompt', 'a.gguf b', 'none.gguf', ''], cwd), 0)
    t.equal(await modelBytes([], cwd), 0)
  },
)

t.test('every ending that a model goes by counts', async (t) => {
  const endings = 'gguf ggml ggla bin safetensors sft ckpt pt pth onnx engine'.split(' ')
  const cwd = t.testdir(Object.fromEntries(endings.map((end) => [`model.${end}`, of(3)])))
  const args = endings.map((end) => `model.${end}`)
  t.equal(await modelBytes(args, cwd), 3 * endings.length)
})

t.test('a file that is named twice, or by another name, counts once', async (t) => {
  const cwd = t.testdir({ 'llm.gguf': of(7), blobs: { ab12: of(50) } })
  symlinkSync(join(cwd, 'llm.gguf'), join(cwd, 'same.gguf'))
  symlinkSync(join(cwd, 'blobs/ab12'), join(cwd, 'cached.gguf'))
  symlinkSync(join(cwd, 'nowhere'), join(cwd, 'broken.gguf'))
  t.equal(await modelBytes(['llm.gguf', './llm.gguf', 'same.gguf', '-d=llm.gguf'], cwd), 7)
  t.equal(await modelBytes(['cached.gguf'], cwd), 50, 'a link is followed')
  t.equal(await modelBytes(['broken.gguf'], cwd), 0)
})

t.test('a split model weighs what all its parts do', async (t) => {
  const cwd = t.testdir({
    'big-00001-of-00003.gguf': of(4),
    'big-00002-of-00003.gguf': of(5),
    'big-00003-of-00003.gguf': of(6),
    'big-00001-of-00002.gguf': of(100),
  })
  t.equal(await modelBytes(['-m', 'big-00001-of-00003.gguf'], cwd), 15)
  t.equal(await modelBytes(['-m', 'big-00002-of-00003.gguf'], cwd), 15)
})

t.test('an address is no file', async (t) => {
  const cwd = t.testdir({ 'https:': { host: { 'llm.gguf': of(7) } } })
  t.equal(
    await modelBytes(['--model', 'https://host/llm.gguf', '--model=https://host/llm.gguf'], cwd),
    0,
  )
})

t.test('a folder with a model in it weighs what its weights do', async (t) => {
  const cwd = t.testdir({
    llama: {
      'config.json': '{}',
      'model-00001-of-00002.safetensors': of(30),
      'model-00002-of-00002.safetensors': of(31),
      'tokenizer.json': of(500),
      onnx: { 'model.safetensors': of(900) },
    },
    sdxl: {
      'model_index.json': '{}',
      'whole.safetensors': of(800),
      unet: { 'weights.safetensors': of(10), 'config.json': of(9) },
      vae: { 'weights.safetensors': of(2) },
    },
  })
  t.equal(await modelBytes(['--model', 'llama'], cwd), 61)
  t.equal(await modelBytes(['--model', 'sdxl'], cwd), 12, 'of each network in it')
})

t.test('of a folder of many models the heaviest counts', async (t) => {
  const cwd = t.testdir({
    models: {
      'small.gguf': of(5),
      'big-00001-of-00002.gguf': of(9),
      'big-00002-of-00002.gguf': of(9),
      'middle.gguf': of(12),
    },
    loras: { 'a.safetensors': of(70), 'b.safetensors': of(70) },
  })
  t.equal(await modelBytes(['--models-dir', 'models'], cwd), 18)
  t.equal(await modelBytes(['--lora-dir=loras', '.'], cwd), 0, 'and none of those it may add')
})

t.test('the models that a KoboldCpp configuration names are weighed', async (t) => {
  const settings = {
    model: null,
    model_param: 'text.gguf',
    mmproj: 'proj.gguf',
    sdmodel: 'https://host/image.safetensors',
    sdlora: ['lora.safetensors', 'lora.safetensors'],
    whispermodel: '',
    port_param: 5001,
    ttsmodel: 'missing.gguf',
    preloadstory: 'story.json',
    usecuda: ['0', 'mmq'],
  }
  const cwd = t.testdir({
    configs: { 'a.kcpps': JSON.stringify(settings), 'text.gguf': of(1000) },
    'text.gguf': of(40),
    'proj.gguf': of(3),
    'lora.safetensors': of(2),
    'story.json': of(300),
    'broken.kcpps': '{',
    'list.kcpps': '["text.gguf"]',
  })
  t.equal(await modelBytes(['--config', 'configs/a.kcpps'], cwd), 45)
  t.equal(await modelBytes(['--config=configs/a.kcpps', '--model', 'text.gguf'], cwd), 45)
  t.equal(await modelBytes(['--config', 'broken.kcpps', 'none.kcpps'], cwd), 0)
})
