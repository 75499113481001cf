/** A proxy that is running and answers. */
import { mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { answers200 } from './front.ts'
import type { Contender, Setup } from './proxies.ts'
import type { Subject } from './scenario.ts'

const READY_TIMEOUT_MS = 30_000

/** Starts a proxy and waits for its first 200. @throws when that takes too long, with the place of its log */
export async function startSubject(proxy: Contender, setup: Setup): Promise<{ readonly subject: Subject; stop(): Promise<void> }> {
  mkdirSync(setup.folder, { recursive: true })
  const startedAt = performance.now()
  const { running, port } = await proxy.start(setup)
  while (!(await answers200(setup.front, port))) {
    if (running.child.exitCode !== null || performance.now() - startedAt > READY_TIMEOUT_MS) {
      throw new Error(`${proxy.name} does not answer; its files are kept in ${setup.folder}`)
    }
    await sleep(2)
  }
  const startMs = performance.now() - startedAt
  return { subject: { name: proxy.name, port, pid: running.child.pid ?? 0, startMs }, stop: () => running.stop() }
}

/** The middle one; the mean of the middle two of an even number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** The values that a quarter of all lie below, and above. */
export function quartiles(values: readonly number[]): readonly [number, number] {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (part: number): number => sorted[Math.round((sorted.length - 1) * part)] ?? Number.NaN
  return [at(0.25), at(0.75)]
}
