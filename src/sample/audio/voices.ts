import { json } from '../call.js'

/** KoboldCpp lists these whether or not it can speak. */
const VOICES = ['kobo', 'cheery', 'sleepy', 'shouty', 'chatty']

export const speakersList = json(() => VOICES)

export const speakers = json(() =>
  VOICES.map((name) => ({ name, voice_id: name, preview_url: '' })),
)

export const voices = json(() => ({ status: 'ok', voices: VOICES }))
