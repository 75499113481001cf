/** Load by wrk and h2load, pinned to the load's core, and what a request costs the proxy meanwhile. */
import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Front, urlOf } from './front.ts'
import { cpuOf, familyOf, LOAD_CORE, memoryOf } from './process.ts'
import type { Figures, Subject } from './scenario.ts'

const execute = promisify(execFile)
const SCRIPT = join(import.meta.dirname, 'wrk', 'load.lua')
/** Requests under way at any time. */
const REQUESTS_IN_FLIGHT = 64
/** A client of HTTP/2 sends several requests at once. */
const STREAMS_A_CONNECTION = 4
const OUTPUT_BYTES_MAX = 2 ** 20

/** What a browser sends with each request. */
const BROWSER: Readonly<Record<string, string>> = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  Accept: 'application/json, text/plain, */*',
  'Accept-Language': 'en-GB,en;q=0.9,de;q=0.8',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  'Cache-Control': 'no-cache',
  Referer: 'https://shop.example.com/account/orders?page=2',
  Origin: 'https://shop.example.com',
  'Sec-Fetch-Site': 'same-site',
  'Sec-Fetch-Mode': 'cors',
  'Sec-Fetch-Dest': 'empty',
  Cookie: 'session=4f9d2c7a1be84d06a5c3e8f2d7b19a60; theme=dark; consent=all',
}

export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly errors: number
}

/** Puts load on a proxy. @returns what a request costs all its processes. Rejects when one answer was an error */
export async function costOf({ pid, name }: Subject, load: () => Promise<LoadResult>): Promise<Figures> {
  const pids = familyOf(pid)
  const before = cpuOf(pids)
  const { requests, seconds, p50Ms, p99Ms, errors } = await load()
  const after = cpuOf(pids)
  if (errors > 0 || requests === 0) throw new Error(`${name} answered ${errors} of ${requests} requests with an error`)
  const userUs = ((after.userMs - before.userMs) * 1000) / requests
  const systemUs = ((after.systemMs - before.systemMs) * 1000) / requests
  return {
    requestsPerSecond: requests / seconds,
    cpuUs: ((after.totalMs - before.totalMs) * 1000) / requests,
    userUs,
    systemUs,
    p50Ms,
    p99Ms,
    peakBytes: memoryOf(pids).peak,
  }
}

const headerArgs = (headers: Readonly<Record<string, string>>): string[] =>
  Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])

/** What is asked for by {@link wrk}; see load.lua. */
export interface WrkRequest {
  readonly kind: string
  readonly path: string
  readonly parameter: number | string
}

export async function wrk(front: Front, port: number, { kind, path, parameter }: WrkRequest, seconds: number): Promise<LoadResult> {
  const how = ['-t1', `-c${REQUESTS_IN_FLIGHT}`, `-d${seconds}s`, '--latency', '-s', SCRIPT]
  const what = [...headerArgs(BROWSER), urlOf(front, port), '--', kind, path, String(parameter)]
  const { stdout } = await execute('taskset', ['-c', String(LOAD_CORE), 'wrk', ...how, ...what])
  const result: unknown = JSON.parse(/^\{.*\}$/m.exec(stdout)?.[0] ?? 'null')
  if (!isLoadResult(result)) throw new Error(`wrk said: ${stdout}`)
  return result
}

function isLoadResult(value: unknown): value is LoadResult {
  return typeof value === 'object' && value !== null && 'requests' in value && 'p99Ms' in value
}

/** What is asked for by {@link h2load}. */
export interface H2loadRequest {
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** A file that is sent with POST. */
  readonly bodyFile?: string
  /** Bytes of body that each answer has. */
  readonly answerBytes: number
}

/** HTTP/2 on {@link REQUESTS_IN_FLIGHT} streams. An answer of another size than expected counts as an error: of gRPC, 200 says nothing. */
export async function h2load(front: Front, port: number, request: H2loadRequest, seconds: number): Promise<LoadResult> {
  const log = join(tmpdir(), `turnpike-bench-h2load-${process.pid}.log`)
  const streams = [`-c${REQUESTS_IN_FLIGHT / STREAMS_A_CONNECTION}`, `-m${STREAMS_A_CONNECTION}`]
  const how = ['-t1', ...streams, `-D${seconds}`, `--log-file=${log}`]
  const body = request.bodyFile === undefined ? [] : ['-d', request.bodyFile]
  const what = [...headerArgs(request.headers ?? BROWSER), ...body, `${urlOf(front, port)}${request.path}`]
  try {
    const command = ['-c', String(LOAD_CORE), 'h2load', ...how, ...what]
    const { stdout } = await execute('taskset', command, { maxBuffer: OUTPUT_BYTES_MAX })
    const [, done, failed, errored, timeout] = (
      /(\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/.exec(stdout) ?? []
    ).map(Number)
    const answered = Number(/\((\d+)\) data$/m.exec(stdout)?.[1])
    if (done === undefined || failed === undefined || errored === undefined || timeout === undefined || Number.isNaN(answered))
      throw new Error(`h2load said: ${stdout}`)
    // At the end some answers have come in part.
    const strange = Math.max(0, Math.abs(answered - done * request.answerBytes) / request.answerBytes - REQUESTS_IN_FLIGHT)
    const timesMs = readFileSync(log, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => Number(line.split('\t')[2]) / 1000)
    return { requests: done, seconds, ...percentiles(timesMs), errors: failed + errored + timeout + Math.ceil(strange) }
  } finally {
    rmSync(log, { force: true })
  }
}

export function percentiles(timesMs: readonly number[]): { readonly p50Ms: number; readonly p99Ms: number } {
  const sorted = Float64Array.from(timesMs).sort()
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}
