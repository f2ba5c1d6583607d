import { StartFailure } from './launcher.js'

/** Where a KoboldCpp is to listen. */
export interface Listening {
  readonly host: string
  readonly port: number
}

/** Where in a command's args a KoboldCpp configuration file stands; -1: nowhere. */
export function kcppsAt(args: readonly string[]): number {
  return args.findIndex((arg) => /\.kcpps$/i.test(arg))
}

/** The file that an arg names, by itself or behind `--config=`, and what stands before it. */
export function kcppsIn(arg: string): { readonly option: string; readonly file: string } {
  const [, option = '', file = arg] = /^(--\w+=)(.*)$/.exec(arg) ?? []
  return { option, file }
}

/**
 * A copy of a `.kcpps` that listens where we say. Without it the file's own port wins over `--port`, and what was
 * saved from the GUI may open a browser or a public tunnel (kobold-wire 5.4). Throws a StartFailure.
 */
export function privateKcpps(text: string, { host, port }: Listening): string {
  const settings = parse(text)
  return JSON.stringify({
    ...settings,
    host: host.replace(/^\[|\]$/g, ''), // a URL writes an IPv6 address in brackets
    port,
    port_param: port,
    launch: false,
    showgui: false,
    remotetunnel: false,
    onready: '',
  })
}

function parse(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch (cause) {
    throw new StartFailure('its .kcpps file is not valid JSON', { cause })
  }
  throw new StartFailure('its .kcpps file is not a JSON object')
}
