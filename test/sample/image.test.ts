import { crc32, inflateSync } from 'node:zlib'
import t from 'tap'
import { get, getJson, post, postJson, startSample } from './sample-client.js'

interface Chunk {
  readonly type: string
  readonly data: Buffer
}

/** Takes a PNG apart and throws where a checksum is wrong. */
function chunksOf(png: Buffer): Chunk[] {
  const chunks: Chunk[] = []
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at)
    const typed = png.subarray(at + 4, at + 8 + length)
    if (crc32(typed) !== png.readUInt32BE(at + 8 + length)) throw new Error('wrong checksum')
    chunks.push({ type: typed.toString('latin1', 0, 4), data: typed.subarray(4) })
    at += 12 + length
  }
  return chunks
}

/** Returns the mean of red, green and blue; knows the filters none and up. */
function meanColour(png: Buffer): number[] {
  const chunks = chunksOf(png)
  const header = chunks[0]!.data
  const stride = header.readUInt32BE(0) * 3
  const rows = inflateSync(chunks.find((chunk) => chunk.type === 'IDAT')!.data)
  const sums = [0, 0, 0]
  const above = Buffer.alloc(stride)
  for (let at = 0; at < rows.length; at += stride + 1) {
    for (let x = 0; x < stride; x += 1) {
      above[x] = (rows[at + 1 + x]! + (rows[at] === 2 ? above[x]! : 0)) & 255
      sums[x % 3]! += above[x]!
    }
  }
  return sums.map((sum) => sum / ((stride / 3) * header.readUInt32BE(4)))
}

async function pictureOf(port: number, body: object, path = '/sdapi/v1/txt2img'): Promise<Buffer> {
  const { images } = await postJson(port, path, body)
  return Buffer.from(images[0], 'base64')
}

t.test('a picture is a whole PNG of the size asked, cut to multiples of 64', async (t) => {
  const port = await startSample(t, '--model', 'image')
  const png = await pictureOf(port, { prompt: 'a gold leaf', width: 200, height: 130, seed: 4 })
  const chunks = chunksOf(png)
  t.same(
    chunks.map((chunk) => chunk.type),
    ['IHDR', 'tEXt', 'IDAT', 'IEND'],
  )
  t.equal(chunks[0]?.data.readUInt32BE(0), 192)
  t.equal(chunks[0]?.data.readUInt32BE(4), 128)
  t.equal(inflateSync(chunks[2]!.data).length, (192 * 3 + 1) * 128)
  t.match(chunks[1]?.data.toString('latin1'), /^parameters\0a gold leaf\nSeed: 4, Size: 192x128/)
})

t.test('a picture shows the colours that its prompt names', async (t) => {
  const port = await startSample(t, '--model', 'image')
  const size = { width: 64, height: 64, seed: 1 }
  const [red, green, blue] = meanColour(await pictureOf(port, { ...size, prompt: 'a red barn' }))
  t.ok(red! > 2 * green! && red! > 2 * blue!)
  const [r, g, b] = meanColour(await pictureOf(port, { ...size, prompt: 'Blue. Navy.' }))
  t.ok(b! > 2 * r! && b! > g!)
})

t.test('prompt, seed and first image decide the picture', async (t) => {
  const port = await startSample(t, '--model', 'image')
  const body = { prompt: 'an old library', width: 64, height: 64, seed: 5 }
  const first = await pictureOf(port, body)
  t.same(await pictureOf(port, body), first)
  t.notSame(await pictureOf(port, { ...body, seed: 6 }), first)
  const tinted = { ...body, init_images: [first.toString('base64')] }
  t.notSame(await pictureOf(port, tinted, '/sdapi/v1/img2img'), first)
  const { info } = await postJson(port, '/sdapi/v1/txt2img', body)
  t.equal(JSON.parse(info).seed, 5)
})

t.test('an OpenAI request names its size in one word', async (t) => {
  const port = await startSample(t, '--model', 'image')
  const { data } = await postJson(port, '/v1/images/generations', { prompt: 'x', size: '128x64' })
  const header = chunksOf(Buffer.from(data[0].b64_json, 'base64'))[0]!.data
  t.same([header.readUInt32BE(0), header.readUInt32BE(4)], [128, 64])
})

t.test('without an image model the answers are 200 and empty, the lists too', async (t) => {
  const port = await startSample(t, '--model', 'text')
  t.match(await postJson(port, '/sdapi/v1/txt2img', {}), { images: [''], parameters: {}, info: '' })
  t.match(await postJson(port, '/v1/images/generations', {}), { data: [{ b64_json: '' }] })
  t.match(await postJson(port, '/sdapi/v1/upscale', {}), { image: '' })
  t.match(await postJson(port, '/sdapi/v1/interrogate', {}), {
    detail: { msg: 'No LLaVA model loaded', type: 'service_unavailable' },
  })
  t.same(await getJson(port, '/sdapi/v1/sd-models'), [])
  t.match(await getJson(port, '/sdapi/v1/options'), { sd_model_checkpoint: 'inactive' })
})

t.test('the list of models shows a whole local path', async (t) => {
  const port = await startSample(t, '--model', 'image', '--name', 'shapes')
  t.match(await getJson(port, '/sdapi/v1/sd-models'), [
    { model_name: 'shapes', filename: '/srv/models/shapes.safetensors' },
  ])
})

t.test('ComfyUI clients get the last picture of the process, whoever asked for it', async (t) => {
  const port = await startSample(t, '--model', 'image')
  const workflow = (text: string) => ({
    3: { class_type: 'KSampler', inputs: { positive: ['6', 0], latent_image: ['5', 0] } },
    5: { class_type: 'EmptyLatentImage', inputs: { width: 64, height: 64 } },
    6: { class_type: 'CLIPTextEncode', inputs: { text } },
  })
  t.equal((await get(port, '/view')).body.length, 0, 'none yet')
  const ids = []
  for (const text of ['one', 'other']) {
    ids.push((await postJson(port, '/prompt', { prompt: workflow(text) })).prompt_id)
  }
  t.equal(ids[0], ids[1])
  const history = Object((await getJson(port, '/history/anything')) as object)
  t.match(history[ids[0]], { status: { completed: true } })
  const view = await get(port, '/view?filename=anything.png')
  t.match(
    chunksOf(view.body)
      .find(({ type }) => type === 'tEXt')
      ?.data.toString(),
    /other/,
  )
  t.equal((await post(port, '/prompt', { prompt: {} })).head, '', 'hung up on')
})
