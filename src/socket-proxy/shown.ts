import { isLabelled, type Label } from './rules.js'

/** By these a gateway finds the container of a compose service. */
const COMPOSE = ['service', 'project', 'oneoff'].map((name) => `com.docker.compose.${name}`)
const STATE = [
  ...['Status', 'Running', 'Paused', 'Restarting', 'OOMKilled', 'Dead', 'ExitCode'],
  ...['StartedAt', 'FinishedAt'],
]

type Json = Readonly<Record<string, unknown>>

/** What the engine says of a container, without what may hold secrets: its environment, command, mounts, other labels. */
export function shownContainer(container: Json, label: Label): Json {
  const config = part(container, 'Config')
  const networks = Object.entries(part(part(container, 'NetworkSettings'), 'Networks'))
  const addresses = ['IPAddress', 'GlobalIPv6Address', 'Aliases', 'DNSNames']
  return {
    ...pick(container, ['Id', 'Name', 'Created']),
    State: pick(part(container, 'State'), STATE),
    Config: {
      ...pick(config, ['Tty', 'StopSignal']),
      Labels: shownLabels(part(config, 'Labels'), label),
    },
    NetworkSettings: {
      Networks: Object.fromEntries(
        networks.map(([name, network]) => [name, pick(network as Json, addresses)]),
      ),
    },
  }
}

/** The same of a list; a container without the label is left out, whatever the engine makes of a filter. */
export function shownList(containers: readonly Json[], label: Label): Json[] {
  return containers
    .filter((container) => isLabelled(container.Labels, label))
    .map((container) => ({
      ...pick(container, ['Id', 'Names', 'Created', 'State', 'Status']),
      Labels: shownLabels(part(container, 'Labels'), label),
    }))
}

function shownLabels(labels: Json, { name }: Label): Json {
  return pick(labels, [...COMPOSE, name])
}

function pick(from: Json, names: readonly string[]): Json {
  return Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)))
}

function part(from: Json, name: string): Json {
  const value = from[name]
  return typeof value === 'object' && value !== null ? (value as Json) : {}
}
