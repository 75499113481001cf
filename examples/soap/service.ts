/**
 * A SOAP 1.1 service as they are: it speaks XML, wants a WS-Security UsernameToken, and answers faults with 500. It reads just enough of
 * envelopes for an example, with expressions in place of a parser; a real one comes with a SOAP stack.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

export const PORT = 9011
const NS = 'urn:example:stock'
const USERNAME = 'turnpike'
const PASSWORD = 'only-for-this-example'
const BODY_BYTES_MAX = 100_000

const PRICES: ReadonlyMap<string, string> = new Map([
  ['ACME', '12.50'],
  ['GLOBX', '7.05'],
  ['INITEC', '100.00'],
])

interface Answer {
  readonly status: number
  /** What stands in the body of the envelope; empty for no envelope. */
  readonly body: string
}

/** Starts the service; gives what stops it. */
export async function startService(port = PORT): Promise<() => void> {
  const server = createServer((request, response) => void serve(request, response))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return () => server.close().closeAllConnections()
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = ''
  for await (const piece of request.setEncoding('utf8')) {
    text += String(piece)
    if (text.length > BODY_BYTES_MAX) return void response.writeHead(413).end()
  }
  if (request.method !== 'POST' || request.url !== '/services/stock') return void response.writeHead(404).end()
  const { status, body } = answer(text)
  if (body === '') return void response.writeHead(status).end()
  response.writeHead(status, { 'Content-Type': 'text/xml; charset=utf-8' })
  response.end(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${body}</s:Body></s:Envelope>`)
}

function answer(envelope: string): Answer {
  if (!isKnown(envelope)) return fault('Client', 'Who are you?')
  const operation = /<(?:\w+:)?Body><(?:\w+:)?(\w+)/.exec(envelope)?.[1]
  const symbols = valuesOf(envelope, 'symbol')
  const unknown = symbols.find((symbol) => !PRICES.has(symbol))
  if (unknown !== undefined) {
    const detail = `<t:UnknownSymbol xmlns:t="${NS}"><t:symbol>${unknown}</t:symbol></t:UnknownSymbol>`
    return fault('Client', 'There is no such stock', detail)
  }
  switch (operation ?? '') {
    case 'GetQuote':
      return responseOf('GetQuote', quote(symbols[0] ?? ''))
    case 'ListQuotes': {
      const limit = Number(valuesOf(envelope, 'limit')[0] ?? PRICES.size)
      return responseOf('ListQuotes', (symbols.length > 0 ? symbols : [...PRICES.keys()]).slice(0, limit).map(quote).join(''))
    }
    case 'PlaceOrder': {
      const total = Number(PRICES.get(symbols[0] ?? '')) * Number(valuesOf(envelope, 'quantity')[0])
      return responseOf('PlaceOrder', `<t:id>9007199254740993</t:id><t:total currency="EUR">${total.toFixed(2)}</t:total>`)
    }
    case 'Watch':
      return { status: 202, body: '' }
    default:
      return fault('Client', 'There is no such operation')
  }
}

/** Checks the digest of a UsernameToken; a real service also remembers nonces, and refuses old ones. */
function isKnown(envelope: string): boolean {
  const [username] = valuesOf(envelope, 'Username')
  const [digest] = valuesOf(envelope, 'Password')
  const nonce = Buffer.from(valuesOf(envelope, 'Nonce')[0] ?? '', 'base64')
  const [created = ''] = valuesOf(envelope, 'Created')
  return username === USERNAME && digest === createHash('sha1').update(nonce).update(created).update(PASSWORD).digest('base64')
}

function valuesOf(envelope: string, name: string): string[] {
  return [...envelope.matchAll(new RegExp(`<(?:\\w+:)?${name}(?: [^>]*)?>([^<]*)<`, 'g'))].map(([, value = '']) => value)
}

function quote(symbol: string): string {
  return `<t:quote><t:symbol>${symbol}</t:symbol><t:price currency="EUR">${PRICES.get(symbol)}</t:price><t:at>2026-01-31T12:00:00Z</t:at></t:quote>`
}

function responseOf(operation: string, content: string): Answer {
  return { status: 200, body: `<t:${operation}Response xmlns:t="${NS}">${content}</t:${operation}Response>` }
}

function fault(code: string, reason: string, detail = ''): Answer {
  const fields = `<faultcode>s:${code}</faultcode><faultstring>${reason}</faultstring>${detail === '' ? '' : `<detail>${detail}</detail>`}`
  return { status: 500, body: `<s:Fault>${fields}</s:Fault>` }
}
