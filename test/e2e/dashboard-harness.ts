/** A real gateway with services, policies and traffic, and its dashboard in a real Chromium. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { AxeResults } from 'axe-core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { startChromium } from '../services/chromium.ts'
import { GatewayProcess } from './gateway-process.ts'

export const READER = 'token-that-reads'
export const WRITER = 'token-that-writes'
/** A key of the consumer `mobile`. */
export const MOBILE_KEY = 'key-of-the-mobile-app-0001'
const PAGE_TIMEOUT_MS = 15_000
/** Where pictures are written; none are without it. */
const SCREENSHOT_FOLDER = process.env['DASHBOARD_SCREENSHOTS'] ?? ''
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What the page is seen in. */
export interface Look {
  readonly colorScheme?: 'light' | 'dark'
  /** Pixels; 1440 by default. */
  readonly width?: number
  readonly height?: number
  readonly reducedMotion?: 'reduce'
  /** Lets axe-core be put into the page, which its policy forbids. */
  readonly bypassCSP?: boolean
}

/**
 * A service that answers by its path: `/status/503` with that status, `/slow/…` after 40 ms, all else with 200.
 * @returns its port
 */
export async function startService(t: TestContext): Promise<number> {
  const server = createServer((request, response) => {
    const [, first, second] = (request.url ?? '').split('/')
    response.statusCode = first === 'status' ? Number(second) : 200
    const answer = (): void => void response.end(JSON.stringify({ path: request.url }))
    if (first === 'slow') setTimeout(answer, 40)
    else answer()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const { port }: AddressInfo = address
  return port
}

/** `shop` has two targets and a breaker; `legacy` one that nobody listens on; there is a cache, a limit, keys and a shadow policy. */
export function shopConfig(ports: readonly number[], more = '', adminPort = 0): string {
  const [first = 0] = ports
  const targets = ports.map((port) => `"127.0.0.1:${port}"`).join(', ')
  return `listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: ${adminPort}, tokens: [{ name: board, token: ${READER} }, { name: ops, token: ${WRITER}, role: write }] }
workers: 2
accessLog: false
services:
  shop: { breaker: { failures: 100, recovery: 1h }, targets: [${targets}] }
  search: { targets: ["127.0.0.1:${first}"] }
  legacy: { breaker: { failures: 3, recovery: 1h }, targets: ["127.0.0.1:9"] }
consumers:
  mobile: { groups: [apps], keys: [{ id: k1, key: ${MOBILE_KEY} }] }
routes:
  orders: { path: /orders/*, service: shop }
  slow: { path: /slow/*, service: shop }
  status: { path: /status/*, service: shop, method: [GET, POST] }
  catalog: { path: /catalog/*, service: search, policies: { cache: { ttl: 60s } } }
  keyed:
    path: /keyed/*
    service: shop
    policies: { api-key: {}, rate-limit: { limit: 5, window: 1h, by: consumer } }
  limited: { path: /limited, service: shop, policies: { rate-limit: { limit: 2, window: 1h } } }
  legacy: { path: /legacy, service: legacy }
  beta: { path: /beta, service: shop, headers: { X-Beta: "1" } }
${more}`
}

/** A gateway with {@link shopConfig}, or another configuration. */
export async function startGateway(t: TestContext, config?: string): Promise<GatewayProcess> {
  const text = config ?? shopConfig([await startService(t), await startService(t)])
  return new GatewayProcess(t, { config: text }).ready()
}

/** Requests of all sorts: good, slow, refused, limited, cached and failing ones. */
export async function sendTraffic(gateway: GatewayProcess, rounds = 3): Promise<void> {
  const get = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<void> => {
    await (await fetch(gateway.url + path, { headers })).arrayBuffer()
  }
  for (let round = 0; round < rounds; round++) {
    const plain = ['/orders/1', '/orders/2', '/slow/1', '/catalog/a', '/catalog/a', '/status/404', '/status/503', '/nowhere', '/legacy']
    await Promise.all([
      ...plain.map((path) => get(path)),
      get('/keyed/1'),
      get('/keyed/2', { 'x-api-key': MOBILE_KEY }),
      get('/limited'),
      get('/beta'),
    ])
  }
}

/** A page of its own with what it asked for and complained of. */
export class Dashboard {
  readonly page: Page
  readonly context: BrowserContext
  /** Errors of its console and scripts. */
  readonly complaints: string[] = []
  /** URLs of all that it asked for. */
  readonly asked: string[] = []
  readonly #url: string

  constructor(page: Page, url: string) {
    this.page = page
    this.context = page.context()
    this.#url = url
    page.setDefaultTimeout(PAGE_TIMEOUT_MS)
    page.on('request', (request) => this.asked.push(request.url()))
    page.on('pageerror', (error) => this.complaints.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text())
    })
  }

  /** The sign-in form, where nobody has signed in. @param hash such as `#/map` */
  async open(hash = ''): Promise<this> {
    await this.page.goto(`${this.#url}/${hash}`)
    return this
  }

  /** Signs in, and shows a view. */
  async signIn(token = WRITER, hash = '#/overview'): Promise<this> {
    await this.open(hash)
    await this.page.getByLabel('Admin token').fill(token)
    await this.page.getByRole('button', { name: 'Sign in' }).click()
    await this.page.getByRole('navigation').waitFor()
    return this
  }

  /** Changes the view as a link does. */
  async show(hash: string): Promise<this> {
    await this.page.evaluate(`location.hash = ${JSON.stringify(hash)}`)
    return this
  }

  /** Whether the page itself scrolls sideways. */
  async scrollsSideways(): Promise<boolean> {
    return this.page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth')
  }

  /** Violations of WCAG 2.2 AA and of good practice that axe-core finds; the context needs `bypassCSP`. */
  async violations(): Promise<string[]> {
    await this.page.evaluate(AXE)
    const found: AxeResults = await this.page.evaluate('axe.run()')
    return found.violations.map(
      ({ id, help, nodes }) => `${id}: ${help}\n${nodes.map((node) => `  ${node.html}\n  ${node.failureSummary}`).join('\n')}`,
    )
  }

  /** A picture of the whole page, in the folder of the variable DASHBOARD_SCREENSHOTS. */
  async picture(name: string): Promise<void> {
    if (SCREENSHOT_FOLDER === '') return
    mkdirSync(SCREENSHOT_FOLDER, { recursive: true })
    await this.page.screenshot({ path: join(SCREENSHOT_FOLDER, `${name}.png`), fullPage: true })
  }
}

/** A page in a context of its own, with nobody signed in. */
export async function openPage(browser: Browser, gateway: GatewayProcess, look: Look = {}): Promise<Dashboard> {
  const { width = 1440, height = 900, ...rest } = look
  const context = await browser.newContext({ viewport: { width, height }, ...rest })
  return new Dashboard(await context.newPage(), gateway.adminUrl)
}

/** A gateway that has served some requests, a browser, and the dashboard in it with somebody signed in. */
export async function startDashboard(t: TestContext, look: Look = {}, hash = '#/overview') {
  const gateway = await startGateway(t)
  await sendTraffic(gateway)
  const browser = await startChromium(t)
  const dashboard = await (await openPage(browser, gateway, look)).signIn(WRITER, hash)
  return { gateway, browser, dashboard, page: dashboard.page }
}
