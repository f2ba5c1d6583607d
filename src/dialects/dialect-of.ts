import type { DialectName } from '../config/config.js'
import type { Dialect } from './dialect.js'
import { koboldcpp } from './koboldcpp.js'
import { a1111, comfyui, generic, openai } from './web.js'

const DIALECTS: Record<DialectName, Dialect> = { koboldcpp, openai, a1111, comfyui, generic }

export function dialectOf(name: DialectName): Dialect {
  return DIALECTS[name]
}
