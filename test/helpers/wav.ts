export interface Tone {
  readonly seconds: number
  readonly rate: number
}

/** A mono 16-bit PCM WAV file with a 440 Hz tone at half of full scale. */
export function wav({ seconds, rate }: Tone): Buffer {
  const samples = Math.round(seconds * rate)
  const data = Buffer.alloc(samples * 2)
  for (let at = 0; at < samples; at += 1) {
    data.writeInt16LE(Math.round(16_384 * Math.sin((2 * Math.PI * 440 * at) / rate)), at * 2)
  }
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.writeUInt32LE(36 + data.length, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(rate, 24)
  head.writeUInt32LE(rate * 2, 28)
  head.writeUInt16LE(2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36)
  head.writeUInt32LE(data.length, 40)
  return Buffer.concat([head, data])
}
