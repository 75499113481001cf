/** Starting programs on one core, and what the kernel says of them. Linux only. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'

export const PROXY_CORE = 0
/** Of the load and of what stands behind the proxies. */
export const LOAD_CORE = 1

/** Clock ticks a second in /proc (USER_HZ, 100 on every Linux that Node runs on). */
const TICK_MS = 10
const STOP_TIMEOUT_MS = 3000

export interface Running {
  readonly child: ChildProcess
  stop(): Promise<void>
}

const running = new Set<Running>()

/** Starts a program pinned to a core. Its output goes to `log`; @throws when it cannot be started */
export function startPinned(core: number, command: readonly string[], log: string, env: Readonly<Record<string, string>> = {}): Running {
  const out = openSync(log, 'a')
  const child = spawn('taskset', ['-c', String(core), ...command], { stdio: ['ignore', out, out], env: { ...process.env, ...env } })
  const one: Running = {
    child,
    stop: async () => {
      running.delete(one)
      if (child.exitCode !== null || child.signalCode !== null) return
      const descendants = familyOf(child.pid ?? 0)
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      const timer = setTimeout(() => {
        for (const pid of descendants) killQuietly(pid)
      }, STOP_TIMEOUT_MS)
      await gone
      clearTimeout(timer)
    },
  }
  running.add(one)
  return one
}

/** Stops everything that is still running. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((one) => one.stop()))
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

/** The fields of /proc/PID/stat behind the name, which may itself hold spaces and brackets; null for a process that is gone. */
function statOf(pid: number): readonly string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return null
  }
}

/** A process and all its descendants. */
export function familyOf(root: number): number[] {
  const childrenOf = Map.groupBy(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number),
    (pid) => Number(statOf(pid)?.[1] ?? 0),
  )
  const family = [root]
  for (const pid of family) family.push(...(childrenOf.get(pid) ?? []))
  return family
}

export interface Cpu {
  /** By the scheduler's clock; the other two come in ticks of 10 ms. */
  readonly totalMs: number
  readonly userMs: number
  readonly systemMs: number
}

/** CPU time that processes have used so far. */
export function cpuOf(pids: readonly number[]): Cpu {
  let total = 0
  let user = 0
  let system = 0
  for (const pid of pids) {
    const stat = statOf(pid)
    const ticks = [Number(stat?.[11] ?? 0), Number(stat?.[12] ?? 0)] as const
    user += ticks[0]
    system += ticks[1]
    total += threadTimeMs(pid) ?? (ticks[0] + ticks[1]) * TICK_MS
  }
  return { totalMs: total, userMs: user * TICK_MS, systemMs: system * TICK_MS }
}

/** What the threads of a process have run, to a microsecond; null where the kernel does not count that. */
function threadTimeMs(pid: number): number | null {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return threads.reduce(
      (sum, thread) => sum + Number.parseInt(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'), 10) / 1e6,
      0,
    )
  } catch {
    return null
  }
}

/** Resident memory of processes in bytes, now and at its highest since it was last reset. */
export function memoryOf(pids: readonly number[]): { readonly now: number; readonly peak: number } {
  let now = 0
  let peak = 0
  for (const pid of pids) {
    let status = ''
    try {
      status = readFileSync(`/proc/${pid}/status`, 'utf8')
    } catch {
      continue
    }
    now += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)
    peak += Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  }
  return { now: now * 1024, peak: peak * 1024 }
}

/** Lets the highest memory begin again at what is used now. */
export function resetPeak(pids: readonly number[]): void {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** What a program says of its version, or null when it is not installed. */
export function versionOf(program: string, flag: string): string | null {
  try {
    const text = execFileSync('sh', ['-c', `${program} ${flag} 2>&1`], { encoding: 'utf8' })
    return /\d+\.\d+(\.\d+)?/.exec(text)?.[0] ?? 'unknown'
  } catch {
    return null
  }
}

/** A port of 127.0.0.1 that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
