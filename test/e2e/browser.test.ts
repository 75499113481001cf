/** Pages in Chromium that are served through the gateway by TLS and HTTP/2, and use it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { type TestContext, test } from 'node:test'
import { toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import type { Page } from 'playwright-core'
import { WebSocketServer } from 'ws'
import { Authority, certificatesMissing } from '../services/certificates.ts'
import { chromiumMissing, startChromium } from '../services/chromium.ts'
import { EchoServer } from '../services/grpc-echo.ts'
import { Echo } from '../services/grpc-echo-schema.ts'
import { GatewayProcess } from './gateway-process.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const options = { skip: chromiumMissing === false ? certificatesMissing : chromiumMissing, timeout: 120_000 }
const PAGE_TIMEOUT_MS = 60_000

/** Packages whose modules pages may import. */
const PACKAGES = ['@bufbuild/protobuf', '@connectrpc/connect', '@connectrpc/connect-web']

/** What pages import by the name of a package, and where it is served. */
function imports(): string {
  const places: Record<string, string> = {}
  for (const name of PACKAGES) {
    const { exports } = JSON.parse(readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8')) as {
      exports: Record<string, { readonly import: string }>
    }
    for (const [path, { import: file }] of Object.entries(exports)) places[name + path.slice(1)] = `/node_modules/${name}${file.slice(1)}`
  }
  return JSON.stringify(places)
}

/** Serves the pages, what they import, and WebSockets that echo. */
async function startSite(t: TestContext): Promise<number> {
  const give = (response: ServerResponse, type: string, body: string | Uint8Array): void => {
    response.setHeader('Content-Type', type).end(body)
  }
  const server = createServer(({ url = '' }, response) => {
    const path = normalize(url.split('?')[0] ?? '')
    if (path.endsWith('.html')) {
      const page = readFileSync(join(import.meta.dirname, 'pages', path), 'utf8')
      give(response, 'text/html', page.replace('"IMPORTS"', imports()))
    } else if (path === '/echo.descriptor') {
      give(response, 'application/protobuf', toBinary(FileDescriptorProtoSchema, Echo.file.proto))
    } else if (PACKAGES.some((name) => path.startsWith(`/node_modules/${name}/`))) {
      give(response, 'text/javascript', readFileSync(join(ROOT, path), 'utf8'))
    } else {
      response.writeHead(404).end()
    }
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    sockets.close()
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

interface Scenario {
  /** `https://localhost:…` of the gateway. */
  readonly origin: string
  readonly sitePort: number
  readonly page: Page
}

/** A gateway with a site and a gRPC service behind it, and an empty page. */
async function start(t: TestContext): Promise<Scenario> {
  const certificate = new Authority().forServer()
  const sitePort = await startSite(t)
  const echo = await EchoServer.start(t)
  const config = {
    listeners: [{ host: '127.0.0.1', port: 0, tls: { certificates: [{ cert: 'a.pem', key: 'a.key' }] } }],
    admin: { port: 0 },
    accessLog: false,
    services: { site: { targets: [`127.0.0.1:${sitePort}`] }, echo: { targets: [`127.0.0.1:${echo.port}`], protocol: 'h2' } },
    routes: {
      echo: { path: '/test.Echo/*', service: 'echo', policies: { 'grpc-web': {} } },
      site: { path: '/*', service: 'site', policies: { cors: { origins: [`http://localhost:${sitePort}`] } } },
    },
  }
  const gateway = new GatewayProcess(t, { config: JSON.stringify(config) })
  writeFileSync(join(gateway.folder, 'a.pem'), certificate.cert)
  writeFileSync(join(gateway.folder, 'a.key'), certificate.key)
  await gateway.ready()
  const browser = await startChromium(t, certificate.cert)
  const page = await browser.newPage()
  page.setDefaultTimeout(PAGE_TIMEOUT_MS)
  return { origin: `https://localhost:${new URL(gateway.url).port}`, sitePort, page }
}

/** Opens a page, and waits for what its script leaves in `outcome`. */
async function outcomeOf(page: Page, url: string): Promise<unknown> {
  await page.goto(url)
  await page.waitForFunction('globalThis.outcome !== undefined')
  return page.evaluate('globalThis.outcome')
}

test('a page opens WebSockets through the gateway that has served it', options, async (t) => {
  const { origin, page } = await start(t)
  const talk = {
    texts: Array.from({ length: 20 }, (_, i) => `message ${i}`),
    bytes: 1_000_000,
    closed: { code: 4000, wasClean: true },
  }
  assert.deepEqual(await outcomeOf(page, `${origin}/websocket.html`), [talk, talk, talk])
  assert.equal(await page.evaluate('performance.getEntriesByType("navigation")[0].nextHopProtocol'), 'h2')
})

test('a page of another site opens some only where its origin may', options, async (t) => {
  const { origin, page, sitePort } = await start(t)
  const { host } = new URL(origin)
  assert.equal(await outcomeOf(page, `http://127.0.0.1:${sitePort}/websocket.html?host=${host}`), 'no WebSocket')
  assert.ok(Array.isArray(await outcomeOf(page, `http://localhost:${sitePort}/websocket.html?host=${host}`)))
})

test('a page calls a gRPC service by gRPC-Web, over HTTP/2', options, async (t) => {
  const { origin, page } = await start(t)
  assert.deepEqual(await outcomeOf(page, `${origin}/grpc-web.html`), {
    unary: 'hello',
    streamed: Array.from({ length: 50 }, () => 'again'),
    failure: { code: 5, message: 'as it was asked, für 5 €' },
    large: 1_000_000,
  })
  const protocols = 'performance.getEntriesByType("resource").map(({ nextHopProtocol }) => nextHopProtocol)'
  const seen: unknown = await page.evaluate(protocols)
  assert.ok(Array.isArray(seen) && seen.length > 50)
  assert.deepEqual([...new Set(seen)], ['h2'])
})
