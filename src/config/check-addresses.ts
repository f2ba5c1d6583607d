import { hasCredentials, isBackendUrl, toAddress } from './address.js'
import type { BackendSettings, ProcessSettings } from './backend-schema.js'
import type { BackendAddress } from './config.js'
import type { Path } from './path.js'
import type { Report } from './report.js'
import type { ListenSettings, Settings } from './schema.js'

const PORT_VARIABLE = `\${port}`

/** Every backend can be found at its address, and no two programs are asked to share one. */
export function checkAddresses({ backends, listen }: Settings, report: Report): void {
  const taken = new Map<string, string>()
  for (const [name, backend] of Object.entries(backends)) {
    const path = ['backends', name]
    checkPresence(backend, path, report)
    checkUrl(backend, path, report)
    if (backend.url === undefined && !backend.process) continue
    if (report.isFaulty([...path, 'url'])) continue
    const address = toAddress(backend.url, backend.process !== undefined)
    checkPortIsKnown(backend, address, { path, report })
    checkOwnDoor(backend, address, { path, report, listen })
    if (backend.process && address.port !== 0) checkPortIsFree(address, { name, taken, report })
  }
}

function checkPresence(backend: BackendSettings, path: Path, report: Report): void {
  if (backend.url !== undefined || backend.process || backend.docker) return
  if (report.isFaulty([...path, 'url']) || report.isFaulty([...path, 'process'])) return
  report.fault({
    path: [...path, 'url'],
    expected:
      'a "url" (somebody else starts it), a "process", or a "docker" (the gateway starts it)',
  })
}

function checkUrl({ url }: BackendSettings, path: Path, report: Report): void {
  if (url === undefined) return
  const expected = 'a URL like "http://127.0.0.1:5001", perhaps with a base path'
  if (hasCredentials(url)) {
    const found = 'a user name or password in it'
    report.fault({ path: [...path, 'url'], found, expected })
  } else if (!isBackendUrl(url)) {
    const hint = 'http or https only, and no query, no hash, no spaces'
    report.fault({ path: [...path, 'url'], expected, hint })
  }
}

/** The port of a backend is known from the file, or chosen and then told to the program. */
function checkPortIsKnown(
  { process }: BackendSettings,
  { port }: BackendAddress,
  { path, report }: { path: Path; report: Report },
): void {
  if (port !== 0) return
  if (process === undefined) {
    const expected = 'the port that the backend listens on'
    report.fault({ path: [...path, 'url'], expected })
  } else if (!isTold(process) && !isIncomplete([...path, 'process'], report)) {
    report.fault({
      path: [...path, 'process'],
      found: `no ${PORT_VARIABLE} in it and no port in "url"`,
      expected: `${PORT_VARIABLE} in its args, as in "--port", "${PORT_VARIABLE}"`,
      hint: 'a port is chosen at every start, and the program must be told which; or write a port in "url"',
    })
  }
}

/** A KoboldCpp configuration file is copied at every start, and the copy told the port. */
function isTold({ command, args, env }: ProcessSettings): boolean {
  if (args.some((arg) => /\.kcpps$/i.test(arg))) return true
  return [command, ...args, ...Object.values(env)].some((text) => text.includes(PORT_VARIABLE))
}

/** Whether parts of a process were left out for their faults. */
function isIncomplete(path: Path, report: Report): boolean {
  return ['command', 'args', 'env'].some((part) => report.isFaulty([...path, part]))
}

/** A program of ours does not take the gateway's own port. */
function checkOwnDoor(
  { process }: BackendSettings,
  { port }: BackendAddress,
  { path, report, listen }: { path: Path; report: Report; listen: ListenSettings },
): void {
  if (process === undefined || port === 0 || port !== listen.port) return
  if (report.isFaulty(['listen', 'port'])) return
  report.fault({
    path: [...path, 'url'],
    expected: "another port than listen.port, which is the gateway's own",
  })
}

function checkPortIsFree(
  { host, port }: BackendAddress,
  { name, taken, report }: { name: string; taken: Map<string, string>; report: Report },
): void {
  const other = taken.get(`${host}:${port}`)
  if (other === undefined) taken.set(`${host}:${port}`, name)
  else {
    const expected = `a port of its own (backends.${other} has the same)`
    report.fault({ path: ['backends', name, 'url'], expected })
  }
}
