import t from 'tap'
import { sample, startGateway } from '../helpers/gateway.js'
import { wav } from '../helpers/wav.js'

t.test('three workloads answer through one port, each started by its first request', async (t) => {
  const gateway = await startGateway(t, {
    backends: { text: sample('text'), image: sample('image'), whisper: sample('transcribe') },
  })
  const post = async (path: string, body: object) => {
    const reply = await fetch(`${gateway.url}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    t.equal(reply.status, 200, `${path} is answered`)
    return (await reply.json()) as never
  }
  const text: { results: { text: string }[] } = await post('/api/v1/generate', {
    prompt: 'It was the best of times',
    max_length: 5,
  })
  t.match(text.results[0]?.text, /\w+/, 'text comes back')

  const image: { images: string[] } = await post('/sdapi/v1/txt2img', {
    prompt: 'a red fox',
    width: 64,
    height: 128,
  })
  const png = Buffer.from(image.images[0] ?? '', 'base64')
  t.equal(png.toString('latin1', 1, 4), 'PNG')
  t.same([png.readUInt32BE(16), png.readUInt32BE(20)], [64, 128], 'a PNG of the asked size')

  const audio = wav({ seconds: 1.5, rate: 8000 }).toString('base64')
  const heard: { text: string } = await post('/api/extra/transcribe', { audio_data: audio })
  t.match(heard.text, /1\.50 seconds/, 'the transcript states the true duration')

  const ready = gateway.starts.filter(({ outcome }) => outcome === 'ready')
  t.same(ready.map(({ backend }) => backend).sort(), ['image', 'text', 'whisper'])
})

t.test('many first requests at once start a backend once', async (t) => {
  const gateway = await startGateway(t, { backends: { text: sample('text') } })
  const ask = () =>
    fetch(`${gateway.url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ prompt: 'Call me', max_tokens: 2 }),
    })
  const replies = await Promise.all(Array.from({ length: 8 }, ask))
  t.same(
    replies.map(({ status }) => status),
    Array.from({ length: 8 }, () => 200),
  )
  t.equal(gateway.starts.length, 1, 'one start for all of them')
})

t.test('an all-in-one path of every dialect reaches the text backend', async (t) => {
  const gateway = await startGateway(t, { backends: { text: sample('text') } })
  const calls: [string, object, RegExp][] = [
    ['/api/latest/generate', { prompt: 'Call me', max_length: 2 }, /"results"/],
    ['/any/prefix/api/v1/generate/', { prompt: 'Call me', max_length: 2 }, /"results"/],
    ['//v1/completions', { prompt: 'Call me', max_tokens: 2 }, /"text_completion"/],
    [
      '/v1/chat/completions',
      { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 2 },
      /choices/,
    ],
    ['/v1/messages', { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 2 }, /"content"/],
    ['/api/chat', { messages: [{ role: 'user', content: 'Hi' }], stream: false }, /"done"/],
  ]
  for (const [path, body, expected] of calls) {
    const reply = await fetch(gateway.url + path, { method: 'POST', body: JSON.stringify(body) })
    t.match(await reply.text(), expected, path)
  }
})
