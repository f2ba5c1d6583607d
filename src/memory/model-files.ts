import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'

const MODEL = /\.(gguf|ggml|ggla|bin|safetensors|sft|ckpt|pt|pth|onnx|engine)$/i
const WEIGHTS = /\.safetensors$/i
const GGUF = /\.gguf$/i
const SETTINGS = /\.kcpp[st]$/i
const PART = /^(.*)-\d{5}-of-(\d{5})\.gguf$/i
/** One of these lies beside the weights of a model that is a folder; a folder without is one of many models. */
const MODEL_CARD = /^(config\.json|model_index\.json|.+\.safetensors\.index\.json)$/
/** A model of several networks, each in a folder of its own. */
const PIPELINE_CARD = 'model_index.json'
/** A larger one was not saved by KoboldCpp. */
const SETTINGS_LIMIT_BYTES = 2 ** 20

/**
 * What the model files weigh that a command names in its arguments, each counted once: files, all parts of a split
 * one, folders of weights, and what a KoboldCpp configuration names. 0 where none was found; what cannot be read is
 * passed over.
 */
export async function modelBytes(args: readonly string[], cwd: string): Promise<number> {
  const named = await Promise.all(args.map((arg) => filesOfArg(arg, cwd)))
  const sizes = new Map<string, number>()
  for (const path of new Set(named.flat())) {
    const file = await fileAt(path)
    if (file) sizes.set(file.realPath, file.bytes)
  }
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0)
}

/** The files that an argument names, by itself or behind `--option=`; some may not be there. */
async function filesOfArg(arg: string, cwd: string): Promise<string[]> {
  const name = /^--?[\w-]+=(.+)$/s.exec(arg)?.[1] ?? arg
  if (name === '' || name.startsWith('-') || isUrl(name)) return []
  const path = resolve(cwd, name)
  if (SETTINGS.test(path)) return await filesOfSettings(path, cwd)
  if (MODEL.test(path)) return partsOf(path)
  return await filesInFolder(path)
}

function isUrl(name: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(name)
}

/** All parts of a file that is one of several; else the file alone. */
function partsOf(path: string): string[] {
  const [, stem, count] = PART.exec(path) ?? []
  if (stem === undefined || count === undefined) return [path]
  return Array.from(
    { length: Number(count) },
    (_, at) => `${stem}-${String(at + 1).padStart(5, '0')}-of-${count}.gguf`,
  )
}

/** KoboldCpp finds the files of its settings from where it is started, not from where they are. */
async function filesOfSettings(path: string, cwd: string): Promise<string[]> {
  const values = Object.values(await readSettings(path)).flat()
  return values.flatMap((value) => {
    if (typeof value !== 'string' || !MODEL.test(value) || isUrl(value)) return []
    return partsOf(resolve(cwd, value))
  })
}

async function readSettings(path: string): Promise<object> {
  try {
    if ((await stat(path)).size > SETTINGS_LIMIT_BYTES) return {}
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {} // the start itself says what is wrong with it
  }
}

async function filesInFolder(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => [])
  const weights = names.filter((name) => WEIGHTS.test(name))
  if (names.includes(PIPELINE_CARD)) return await weightsBelow(folder, names)
  if (weights.length > 0 && names.some((name) => MODEL_CARD.test(name)))
    return weights.map((name) => join(folder, name))
  return await heaviestGguf(folder, names)
}

async function weightsBelow(folder: string, names: readonly string[]): Promise<string[]> {
  const below = names.map(async (name) => {
    const files = await readdir(join(folder, name)).catch((): string[] => [])
    return files.filter((file) => WEIGHTS.test(file)).map((file) => join(folder, name, file))
  })
  return (await Promise.all(below)).flat()
}

/** Of a folder of models one at a time is loaded, perhaps the heaviest. */
async function heaviestGguf(folder: string, names: readonly string[]): Promise<string[]> {
  let heaviest: { bytes: number; parts: string[] } = { bytes: 0, parts: [] }
  for (const name of names.filter((name) => GGUF.test(name))) {
    const parts = partsOf(join(folder, name))
    const bytes = await weigh(parts)
    if (bytes > heaviest.bytes) heaviest = { bytes, parts }
  }
  return heaviest.parts
}

async function weigh(paths: readonly string[]): Promise<number> {
  const files = await Promise.all(paths.map(fileAt))
  return files.reduce((sum, file) => sum + (file?.bytes ?? 0), 0)
}

async function fileAt(path: string): Promise<{ realPath: string; bytes: number } | undefined> {
  try {
    const [realPath, found] = await Promise.all([realpath(path), stat(path)])
    return found.isFile() ? { realPath, bytes: found.size } : undefined
  } catch {
    return undefined
  }
}
