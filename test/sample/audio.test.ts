import t from 'tap'
import { decodeWav } from '../../src/sample/audio/wav.js'
import { exchange, getJson, post, postBytes, postJson, startSample } from './sample-client.js'

interface Format {
  readonly coding: number
  readonly bits: number
  readonly rate: number
  readonly channels: number
}

const WRITERS: Record<string, (data: Buffer, value: number, offset: number) => unknown> = {
  '1/8': (data, value, offset) => data.writeUInt8(value * 2 ** 7 + 2 ** 7, offset),
  '1/16': (data, value, offset) => data.writeInt16LE(value * 2 ** 15, offset),
  '1/24': (data, value, offset) => data.writeIntLE(value * 2 ** 23, offset, 3),
  '1/32': (data, value, offset) => data.writeInt32LE(value * 2 ** 31, offset),
  '3/32': (data, value, offset) => data.writeFloatLE(value, offset),
}

function chunk(name: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.write(name, 'latin1')
  head.writeUInt32LE(data.length, 4)
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)])
}

/** Writes half a second of a square wave at half of full scale, which is -6.0 dBFS, behind a chunk of odd length. */
function squareWave({ coding, bits, rate, channels }: Format): Buffer {
  const format = Buffer.alloc(16)
  format.writeUInt16LE(coding, 0)
  format.writeUInt16LE(channels, 2)
  format.writeUInt32LE(rate, 4)
  format.writeUInt16LE(bits, 14)
  const count = (rate / 2) * channels
  const data = Buffer.alloc((count * bits) / 8)
  for (let index = 0; index < count; index += 1)
    WRITERS[`${coding}/${bits}`]!(data, index % 20 < 10 ? 0.5 : -0.5, (index * bits) / 8)
  const chunks = [chunk('LIST', Buffer.from('odd')), chunk('fmt ', format), chunk('data', data)]
  return Buffer.concat([chunk('RIFF', Buffer.alloc(0)), Buffer.from('WAVE'), ...chunks])
}

const SPEECH: Format = { coding: 1, bits: 16, rate: 16_000, channels: 1 }

t.test(
  'a transcript states true length, rate, channels and loudness, for every coding',
  async (t) => {
    const port = await startSample(t, '--model', 'transcribe')
    const formats = [
      SPEECH,
      { coding: 1, bits: 8, rate: 8000, channels: 1 },
      { coding: 1, bits: 24, rate: 44_100, channels: 2 },
      { coding: 1, bits: 32, rate: 48_000, channels: 6 },
      { coding: 3, bits: 32, rate: 22_050, channels: 1 },
    ]
    for (const format of formats) {
      const channels = ['', 'mono', 'stereo'][format.channels] ?? `${format.channels} channels`
      const encoded = squareWave(format).toString('base64')
      const { text } = await postJson(port, '/api/extra/transcribe', { audio_data: encoded })
      const heard = `0.50 seconds at ${format.rate} Hz, ${channels}, loudness -6.0 dBFS`
      t.equal(text, ` An audio clip of ${heard}.`)
    }
  },
)

t.test('audio comes as a data URL or as an upload too', async (t) => {
  const port = await startSample(t, '--model', 'transcribe')
  const wav = squareWave(SPEECH)
  const url = `data:audio/wav;base64,${wav.toString('base64')}`
  const { text } = await postJson(port, '/api/extra/transcribe', { audio_data: url })
  const form = Buffer.concat([
    Buffer.from('--b0\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'),
    Buffer.from('--b0\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'),
    Buffer.from('Content-Type: audio/wav\r\n\r\n'),
    wav,
    Buffer.from('\r\n--b0--\r\n'),
  ])
  const bytes = postBytes('/v1/audio/transcriptions', form, [
    'Content-Type: multipart/form-data; boundary=b0',
  ])
  t.same(JSON.parse((await exchange(port, bytes)).body.toString()), { text })
  t.match(text, '0.50 seconds')
})

t.test('what cannot be heard, or no model to hear it, gives an empty text', async (t) => {
  const port = await startSample(t, '--model', 'transcribe')
  const bad = Buffer.from('RIFF....WAVEfmt ').toString('base64')
  t.same(await postJson(port, '/api/extra/transcribe', { audio_data: bad }), { text: '' })
  t.same(await postJson(port, '/api/extra/transcribe', {}), { text: '' })
  const other = await startSample(t, '--model', 'text')
  const audio = squareWave(SPEECH).toString('base64')
  t.same(await postJson(other, '/v1/audio/transcriptions', { audio_data: audio }), { text: '' })
})

t.test('silence is called silent', async (t) => {
  const port = await startSample(t, '--model', 'transcribe')
  const silence = squareWave(SPEECH).fill(0, 56)
  const body = { audio_data: silence.toString('base64') }
  t.match(await postJson(port, '/api/extra/transcribe', body), { text: /, mono, silent\.$/ })
})

t.test('speech is a WAVE file that lasts longer for more words', async (t) => {
  const port = await startSample(t, '--model', 'speech')
  const { head, body } = await post(port, '/v1/audio/speech', { input: 'one two three' })
  t.match(head, 'content-type: audio/wav')
  t.match(head, /Content-Disposition: /)
  const sound = decodeWav(body)!
  t.equal(sound.sampleRate, 24_000)
  t.ok(sound.samples.some((sample) => Math.abs(sample) > 0.3))
  const longer = await post(port, '/tts_to_audio/', { text: 'one two three four five six' })
  t.equal(decodeWav(longer.body)!.samples.length, 2 * sound.samples.length)
})

t.test('without a speech model speech has no bytes, yet there are voices', async (t) => {
  const port = await startSample(t, '--model', 'text')
  const { status, head, body } = await post(port, '/api/extra/tts', { input: 'hello' })
  t.equal(status, 200)
  t.match(head, 'content-length: 0')
  t.equal(body.length, 0)
  t.equal(Object(await getJson(port, '/speakers_list')).length, 5)
})
