import { pythonJson } from '../python-json.js'

/** Writes a server-sent event that has data alone. */
export function dataEvent(data: unknown): string {
  return `data: ${pythonJson(data)}\n\n`
}

/** Writes a server-sent event with a name. */
export function namedEvent(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${pythonJson(data)}\n\n`
}
