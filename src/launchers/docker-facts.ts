import { BlockList, isIP } from 'node:net'
import { constants, type NetworkInterfaceInfo } from 'node:os'
import type { ContainerInspectInfo } from 'dockerode'
import type { BackendAddress } from '../config/config.js'
import type { Exit } from './launcher.js'

type State = ContainerInspectInfo['State']
type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>

/** By the custom of shells, which the engine follows: a program that a signal ended. */
const SIGNALLED = 128

/** How a container ended, by its state; in a restart of the engine's own the last end cannot be told any more. */
export function exitOf({ Running, ExitCode, OOMKilled }: State): Exit {
  if (Running) return { code: null, signal: null }
  const signal = signalOf(ExitCode - SIGNALLED)
  const how = signal ? { code: null, signal } : { code: ExitCode, signal: null }
  return { ...how, outOfMemory: OOMKilled }
}

function signalOf(number: number): NodeJS.Signals | null {
  const entries = Object.entries(constants.signals) as [NodeJS.Signals, number][]
  return entries.find(([, value]) => value === number)?.[0] ?? null
}

/**
 * Where to dial a container that runs: its own address in a network that this machine or container has a part in.
 * Its name is not used then, because looking up the name of a container that has stopped can hang for ten seconds.
 * Else the address is dialled as it is written: a port published on this machine, say.
 */
export function originOf(
  { protocol, host, port }: BackendAddress,
  { NetworkSettings }: Pick<ContainerInspectInfo, 'NetworkSettings'>,
  interfaces: Interfaces,
): string {
  const isName = isIP(host.replace(/^\[|\]$/g, '')) === 0
  const addresses = Object.values(NetworkSettings.Networks ?? {})
    .flatMap(({ IPAddress, GlobalIPv6Address }) => [IPAddress, GlobalIPv6Address])
    .filter(Boolean)
  const near = nearNetworks(interfaces)
  const address = isName && protocol === 'http:' && addresses.find((each) => contains(near, each))
  if (!address) return `${protocol}//${host}:${port}`
  return `${protocol}//${isIP(address) === 6 ? `[${address}]` : address}:${port}`
}

function contains(networks: BlockList, address: string): boolean {
  return networks.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

function nearNetworks(interfaces: Interfaces): BlockList {
  const list = new BlockList()
  for (const { address, cidr, internal, family } of Object.values(interfaces).flat(
    1,
  ) as NetworkInterfaceInfo[]) {
    const prefix = Number(cidr?.split('/')[1])
    if (!internal && prefix > 0)
      list.addSubnet(address, prefix, family === 'IPv6' ? 'ipv6' : 'ipv4')
  }
  return list
}
