/** Decoded sound: `samples` from -1 to 1, the channels taking turns. */
export interface Sound {
  readonly sampleRate: number
  readonly channels: number
  readonly samples: Float64Array
}

const PCM = 1
const FLOAT = 3
const EXTENSIBLE = 0xfffe

type ReadSample = (data: Buffer, offset: number) => number

const READERS: Readonly<Record<string, ReadSample>> = {
  [`${PCM}/8`]: (data, offset) => (data.readUInt8(offset) - 128) / 128,
  [`${PCM}/16`]: (data, offset) => data.readInt16LE(offset) / 2 ** 15,
  [`${PCM}/24`]: (data, offset) => data.readIntLE(offset, 3) / 2 ** 23,
  [`${PCM}/32`]: (data, offset) => data.readInt32LE(offset) / 2 ** 31,
  [`${FLOAT}/32`]: (data, offset) => data.readFloatLE(offset),
}

/** Decodes a RIFF WAVE file of whole numbers (8 to 32 bits) or floats (32 bits); undefined for anything else. */
export function decodeWav(file: Buffer): Sound | undefined {
  const chunks = readChunks(file)
  const [format, data] = [chunks.get('fmt '), chunks.get('data')]
  if (!data || !format || format.length < 16) return undefined
  const channels = format.readUInt16LE(2)
  const sampleRate = format.readUInt32LE(4)
  const bits = format.readUInt16LE(14)
  const read = READERS[`${codingOf(format)}/${bits}`]
  if (!read || channels === 0 || sampleRate === 0) return undefined
  const bytes = bits / 8
  const samples = new Float64Array(Math.floor(data.length / bytes))
  for (let index = 0; index < samples.length; index += 1) samples[index] = read(data, index * bytes)
  return { sampleRate, channels, samples }
}

/** Encodes one channel as a WAVE file of 16-bit whole numbers. */
export function encodeWav({ sampleRate, samples }: Sound): Buffer {
  const data = Buffer.alloc(samples.length * 2)
  for (const [index, sample] of samples.entries())
    data.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), index * 2)
  const header = Buffer.alloc(44)
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(36 + data.length, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(PCM, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(sampleRate, 24)
  header.writeUInt32LE(sampleRate * 2, 28)
  header.writeUInt16LE(2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(data.length, 40)
  return Buffer.concat([header, data])
}

/** Reads the chunks by name, the first of each; one that is longer than the file is cut. */
function readChunks(file: Buffer): Map<string, Buffer> {
  const chunks = new Map<string, Buffer>()
  if (file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WAVE')
    return chunks
  let offset = 12
  while (offset + 8 <= file.length) {
    const name = file.toString('latin1', offset, offset + 4)
    const size = file.readUInt32LE(offset + 4)
    if (!chunks.has(name)) chunks.set(name, file.subarray(offset + 8, offset + 8 + size))
    // Chunks begin at even offsets.
    offset += 8 + size + (size % 2)
  }
  return chunks
}

/** The extensible form keeps the real coding in the first bytes of its sub-format. */
function codingOf(format: Buffer): number {
  const coding = format.readUInt16LE(0)
  return coding === EXTENSIBLE && format.length >= 26 ? format.readUInt16LE(24) : coding
}
