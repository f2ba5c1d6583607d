import { crc32, deflateSync } from 'node:zlib'

/** A picture of eight-bit red, green and blue, row by row. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly rgb: Buffer
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const TRUECOLOUR = 2
const FILTER_UP = 2

/** Encodes a picture as PNG with the text under the keyword that image programs read: "parameters". */
export function encodePng(picture: Picture, parameters: string): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(picture.width, 0)
  header.writeUInt32BE(picture.height, 4)
  header.set([8, TRUECOLOUR], 8)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('tEXt', Buffer.from(`parameters\0${parameters.replaceAll('\0', '')}`, 'latin1')),
    chunk('IDAT', deflateSync(filterRows(picture), { level: 4 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(typed.length + 8)
  framed.writeUInt32BE(data.length, 0)
  typed.copy(framed, 4)
  framed.writeUInt32BE(crc32(typed), typed.length + 4)
  return framed
}

/** Stores each row as its difference from the row above, which smooth pictures compress well as. */
function filterRows({ width, height, rgb }: Picture): Buffer {
  const stride = width * 3
  const rows = Buffer.alloc((stride + 1) * height)
  for (let y = 0; y < height; y += 1) {
    const start = y * (stride + 1)
    rows[start] = FILTER_UP
    for (let x = 0; x < stride; x += 1) {
      const above = y === 0 ? 0 : (rgb[(y - 1) * stride + x] ?? 0)
      rows[start + 1 + x] = (rgb[y * stride + x] ?? 0) - above
    }
  }
  return rows
}
