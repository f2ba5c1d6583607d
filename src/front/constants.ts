import type { FaceFacts } from './facts.js'
import type { JsonObject } from './read.js'
import { versionNumber } from './version.js'

/** `/.well-known/serviceinfo`: who speaks here, and what (the proposal of the same name). */
export function serviceInfo(facts: FaceFacts): JsonObject {
  const number = versionNumber(facts)
  const api = (name: string, path: string) => ({ name, rel_url: path, version: number })
  return {
    version: '0.2',
    software: { name: 'KoboldCpp', version: number },
    api: {
      koboldai: api('KoboldAI API', '/api'),
      openai: api('OpenAI API', '/v1'),
      ...(facts.serves('image') && { sdapi: api('A1111 API', '/sdapi/v1') }),
    },
  }
}

/** `/manifest.json`: what lets a browser install the page. */
export const MANIFEST: JsonObject = {
  name: 'KoboldAI Lite',
  short_name: 'KoboldAI Lite',
  start_url: './',
  display: 'standalone',
  background_color: '#303030',
  theme_color: '#337ab7',
  icons: [],
}

/** `/slots`: what llama.cpp's page asks for and KoboldCpp has not; its status is 501. */
export const NO_SLOTS: JsonObject = {
  error: { code: 501, message: 'There are no slots to see here.', type: 'not_supported_error' },
}
