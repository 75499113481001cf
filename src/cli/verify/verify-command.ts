import { printable } from '../../config/diagnostics.ts'
import type { KongTranslation } from '../../config/formats/kong/index.ts'
import type { KongDocument } from '../../config/formats/kong/types.ts'
import type { GatewayIr } from '../../config/ir.ts'
import { count, paint } from '../terminal.ts'
import { Bench } from './bench.ts'
import { compare, type Difference } from './compare.ts'
import { requestsFor, type VerifyRequest } from './requests.ts'

export interface Verified {
  readonly requests: number
  /** Of those that reached a service. */
  readonly proxied: number
  readonly differing: readonly { readonly request: VerifyRequest; readonly differences: readonly Difference[] }[]
}

const SHOWN_MAX = 20
const VALUE_CHARS_MAX = 160
const EXIT_DIFFERENT = 1

/** Runs generated requests through two forms of a Kong file. @param onProgress told after each */
export async function verify(
  { document }: KongTranslation,
  kong: GatewayIr,
  native: GatewayIr,
  onProgress: (done: number, all: number) => void = () => {},
): Promise<Verified> {
  const requests = requestsFor(document)
  const known = idsOf(document)
  const bench = await Bench.open([kong, native])
  const differing: Verified['differing'][number][] = []
  let proxied = 0
  try {
    for (const [index, request] of requests.entries()) {
      const [a, b] = await bench.run(request)
      if (a === undefined || b === undefined) throw new Error('two gateways give two outcomes')
      if (a.upstream.length > 0) proxied++
      const differences = compare(a, b, known)
      if (differences.length > 0) differing.push({ request, differences })
      onProgress(index + 1, requests.length)
    }
  } finally {
    await bench.close()
  }
  return { requests: requests.length, proxied, differing }
}

/** `--verify`: what differs, on standard error. @returns the exit status */
export async function verifyCommand(translation: KongTranslation, kong: GatewayIr, native: GatewayIr): Promise<number> {
  const { stderr } = process
  if (kong.listeners.length === 0) {
    stderr.write(`${paint('red', '✖', stderr)} not verified: there is no listener that would take a request\n`)
    return EXIT_DIFFERENT
  }
  const { requests, proxied, differing } = await verify(translation, kong, native, progressOn(stderr))
  for (const { request, differences } of differing.slice(0, SHOWN_MAX)) {
    stderr.write(`${paint('red', '✖', stderr)} ${printable(`${request.name}: ${request.method} ${request.host} ${request.target}`)}\n`)
    for (const { what, kong: was, native: is } of differences)
      stderr.write(`    ${printable(what)}\n      kong    ${shortened(was)}\n      native  ${shortened(is)}\n`)
  }
  if (differing.length > SHOWN_MAX) stderr.write(`  and ${differing.length - SHOWN_MAX} more\n`)
  const tally = `${count(requests, 'request')} through both forms, ${proxied} of them to a service`
  if (differing.length === 0) stderr.write(`${paint('green', '✔', stderr)} verified: ${tally}, the same answers\n`)
  else stderr.write(`${paint('red', '✖', stderr)} ${tally}: ${differing.length} differ\n`)
  return differing.length === 0 ? 0 : EXIT_DIFFERENT
}

const BAR_CHARS = 30
const BAR_EVERY = 25

/** A bar that is gone when all is done; none where there is no terminal. */
function progressOn(stream: NodeJS.WriteStream): (done: number, all: number) => void {
  if (!stream.isTTY) return () => {}
  return (done, all) => {
    if (done === all) stream.write('\r\x1b[K')
    else if (done % BAR_EVERY === 0) {
      const filled = Math.round((done / all) * BAR_CHARS)
      stream.write(`\r  ${'█'.repeat(filled)}${'░'.repeat(BAR_CHARS - filled)} ${done} of ${all} requests`)
    }
  }
}

function idsOf({ consumers }: KongDocument): Set<string> {
  const ids = consumers.flatMap(({ id, credentials }) => [
    id,
    ...Object.values(credentials).flatMap((list) => list.map((entity) => entity.id)),
  ])
  return new Set(ids)
}

function shortened(text: string): string {
  return printable(text.length <= VALUE_CHARS_MAX ? text : `${text.slice(0, VALUE_CHARS_MAX)}…`)
}
