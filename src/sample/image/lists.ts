import { json } from '../call.js'
import type { Engine } from '../engine.js'

const SAMPLERS = ['Euler', 'Euler a', 'Heun', 'DPM2', 'DPM++ 2M', 'LCM']
const SCHEDULERS = ['default', 'discrete', 'karras']

/** The image models; the file name is a whole local path, as KoboldCpp's is. */
export const sdModels = json(listIfImage((engine) => [modelOf(engine.options.name)]))

export const sdOptions = json((engine) => ({
  samples_format: 'png',
  sd_model_checkpoint: engine.has('image') ? engine.options.name : 'inactive',
}))

export const samplers = json(
  listIfImage(() => SAMPLERS.map((name) => ({ name, aliases: [name.toLowerCase()], options: {} }))),
)

export const schedulers = json(
  listIfImage(() => SCHEDULERS.map((name) => ({ name, label: name, aliases: [] }))),
)

export const emptyList = json(() => [])

function listIfImage(list: (engine: Engine) => readonly object[]) {
  return (engine: Engine) => (engine.has('image') ? list(engine) : [])
}

function modelOf(name: string): object {
  return {
    title: name,
    model_name: name,
    hash: '8888888888',
    sha256: '8'.repeat(64),
    filename: `/srv/models/${name}.safetensors`,
    config: null,
  }
}
