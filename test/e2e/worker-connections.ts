/** Which worker has which connections, as Linux tells it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { GatewayProcess } from './gateway-process.ts'

/** As `/proc/net/tcp` has it. */
const LISTENING = '0A'

/** Process ids of a gateway's workers. */
export function workersOf({ child: { pid } }: GatewayProcess): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
}

/** The ports of the clients whose connections this process has. */
export function clientPortsOf(pid: number, gatewayPort: number): Set<number> {
  const inodes = new Set<string>()
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      inodes.add(readlinkSync(`/proc/${pid}/fd/${fd}`))
    } catch {
      // Closed since the folder was read.
    }
  }
  const ports = new Set<number>()
  for (const line of readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1)) {
    const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/)
    if (local === undefined || remote === undefined || state === LISTENING || !inodes.has(`socket:[${inode}]`)) continue
    const portAt = (address: string): number => Number.parseInt(address.split(':')[1] ?? '', 16)
    if (portAt(local) === gatewayPort) ports.add(portAt(remote))
  }
  return ports
}
