/** Where two outcomes of one request differ, but for what differs from one request to the next anyway. */
import type { Outcome } from './bench.ts'

export interface Difference {
  /** `status`, `header x-a`, `body`, `request to the service`. */
  readonly what: string
  readonly kong: string
  readonly native: string
}

/** @param known ids that say something: those of consumers and credentials */
export function compare(kong: Outcome, native: Outcome, known: ReadonlySet<string>): Difference[] {
  const [a, b] = [shownOf(kong, known), shownOf(native, known)]
  return [...new Set([...a.keys(), ...b.keys()])].flatMap((what) => {
    const [left = 'none', right = 'none'] = [a.get(what), b.get(what)]
    return left === right ? [] : [{ what, kong: left, native: right }]
  })
}

/** Times, the port that is listened on, and ids, those of `generator: tracker` among them. */
const VARYING = /^(date|x-kong-.*-latency|x-forwarded-port)$/
const TRACKER = /-\d+-\d+-\d+-\d+-\d+\.\d{3}\b/g
const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}/g

function shownOf({ status, headers, body, upstream }: Outcome, known: ReadonlySet<string>): Map<string, string> {
  const plain = (text: string): string =>
    text
      .replaceAll(ID, (id) => (known.has(id) ? id : '<id>'))
      .replaceAll(/(?<=<id>)#\d+/g, '#<count>')
      .replaceAll(TRACKER, '-<tracker>')
  const shown = new Map<string, string>([
    ['status', String(status)],
    ['body', plain(body)],
  ])
  addFields(shown, 'header', headers, plain)
  shown.set('requests to services', String(upstream.length))
  for (const { service, method, url, headers: sent, body: sentBody } of upstream) {
    shown.set('service', service)
    shown.set('request line to the service', plain(`${method} ${url}`))
    shown.set('body to the service', plain(sentBody))
    addFields(shown, 'header to the service', sent, plain)
  }
  return shown
}

function addFields(shown: Map<string, string>, what: string, fields: Outcome['headers'], plain: (text: string) => string): void {
  for (const [name, value] of fields) {
    const key = `${what} ${name.toLowerCase()}`
    const before = shown.get(key)
    const text = VARYING.test(name.toLowerCase()) ? '<varies>' : plain(value)
    shown.set(key, before === undefined ? text : `${before}, ${text}`)
  }
}
