import type { Sound } from './wav.js'

/** Says what was heard: the true length, sample rate, channels and RMS loudness below full scale. */
export function describeSound(sound: Sound): string {
  const seconds = sound.samples.length / sound.channels / sound.sampleRate
  const channels = ['', 'mono', 'stereo'][sound.channels] ?? `${sound.channels} channels`
  const format = `${seconds.toFixed(2)} seconds at ${sound.sampleRate} Hz, ${channels}`
  return ` An audio clip of ${format}, ${loudnessOf(sound)}.`
}

function loudnessOf({ samples }: Sound): string {
  let squares = 0
  for (const sample of samples) squares += sample * sample
  if (squares === 0) return 'silent'
  return `loudness ${(10 * Math.log10(squares / samples.length)).toFixed(1)} dBFS`
}
