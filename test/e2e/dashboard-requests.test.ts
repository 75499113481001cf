/** The dashboard's requests, refusals, cache and try-a-request views in a real Chromium, of a real gateway. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { chromiumMissing, startChromium } from '../services/chromium.ts'
import {
  type Dashboard,
  type Look,
  MOBILE_KEY,
  openPage,
  READER,
  sendTraffic,
  shopConfig,
  startGateway,
  startService,
  WRITER,
} from './dashboard-harness.ts'
import type { GatewayProcess } from './gateway-process.ts'

const options = { skip: chromiumMissing, timeout: 110_000 }

/** Besides the shop's: a policy in shadow, and a service that is tried again. */
const MORE = `  trial: { path: /trial/*, service: shop, policies: { ip-access: { mode: shadow, allow: [10.0.0.0/8] } } }
  again: { path: /status/503/again, service: shop, retry: { attempts: 3, statuses: [503], backoffBase: 5ms } }
`

class Rig {
  readonly gateway: GatewayProcess
  readonly dashboard: Dashboard
  readonly page: Page

  constructor(gateway: GatewayProcess, dashboard: Dashboard) {
    this.gateway = gateway
    this.dashboard = dashboard
    this.page = dashboard.page
  }

  static async start(t: TestContext, hash: string, look: Look = {}, token = WRITER): Promise<Rig> {
    const ports = [await startService(t), await startService(t)]
    const gateway = await startGateway(t, shopConfig(ports, MORE))
    const dashboard = await openPage(await startChromium(t), gateway, look)
    const rig = new Rig(gateway, dashboard)
    await rig.send('/orders/first')
    await dashboard.signIn(token)
    await dashboard.show(hash)
    return rig
  }

  /** @returns the id of the request */
  async send(path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<string> {
    const response = await fetch(this.gateway.url + path, { headers, method })
    await response.arrayBuffer()
    return response.headers.get('x-request-id') ?? ''
  }

  row(text: string) {
    return this.page.getByRole('link').filter({ hasText: text })
  }

  async hash(): Promise<string> {
    return this.page.evaluate('location.hash')
  }
}

test('requests are searched by every filter, and the search is in the address', options, async (t) => {
  const rig = await Rig.start(t, '#/requests')
  const { page } = rig
  await rig.send('/limited')
  await rig.send('/limited')
  await rig.send('/limited')
  await rig.send('/keyed/7', { 'x-api-key': MOBILE_KEY })
  await rig.send('/trial/1')
  await rig.send('/status/404', {}, 'POST')
  /** Starts from all seven requests, so that what is read is of this search. */
  const search = async (label: string, value: string, count: number, part: RegExp): Promise<void> => {
    const clear = page.getByRole('button', { name: 'Clear' })
    if (await clear.isVisible()) await clear.click()
    await page.getByRole('heading', { name: /^7 requests of/ }).waitFor()
    await page.getByLabel(label, { exact: true }).fill(value)
    await page.getByRole('button', { name: 'Search' }).click()
    await page.getByRole('heading', { name: new RegExp(`^${count} requests? of`) }).waitFor()
    for (const text of await page.locator('a.request .what').allTextContents()) assert.match(text, part)
  }
  await search('Path holds', '/keyed', 1, /\/keyed\/7/)
  await search('Route', 'trial', 1, /\/trial\/1/)
  await search('Consumer', 'mobile', 1, /\/keyed\/7/)
  await search('Method', 'POST', 1, /^POST/)
  await search('Status', '404', 1, /\/status\/404/)
  await search('Error code', 'rate_limited', 1, /\/limited/)
  await search('Policy', 'rate-limit', 1, /\/limited/)
  await search('Shadow policy', '*', 1, /\/trial\/1/)
  await search('Service', 'shop', 7, /./)
  await page.getByLabel('Since').fill('2020-01-01T00:00:00')
  await page.getByRole('button', { name: 'Search' }).click()
  assert.match(decodeURIComponent(await rig.hash()), /service=shop&since=20(19-12-31|20-01-01)T/)
  await page.reload()
  assert.equal(await page.getByLabel('Service', { exact: true }).inputValue(), 'shop')
  assert.equal(await page.getByLabel('Since').inputValue(), '2020-01-01T00:00')
  await page.locator('a.request').first().waitFor()

  await page.getByLabel('Status', { exact: true }).fill('9xx')
  await page.getByRole('button', { name: 'Search' }).click()
  assert.match((await page.getByRole('alert').first().textContent()) ?? '', /status: expected 404, 5xx or 400-499/)
  await page.getByLabel('Status', { exact: true }).fill('299')
  await page.getByRole('button', { name: 'Search' }).click()
  await page.getByText('No record that is kept fits these filters.').waitFor()
  assert.deepEqual(
    rig.dashboard.complaints.filter((one) => !/400 \(Bad Request\)/.test(one)),
    [],
  )
})

test('the list follows the traffic until it is paused, and arrow keys go through it', options, async (t) => {
  const rig = await Rig.start(t, '#/requests')
  const { page } = rig
  await rig.row('/orders/first').waitFor()
  await rig.send('/orders/second')
  await rig.row('/orders/second').waitFor()
  await page.getByRole('button', { name: 'Pause' }).click()
  await rig.send('/orders/third')
  await page.waitForTimeout(3_500)
  assert.equal(await rig.row('/orders/third').count(), 0)
  await page.getByRole('button', { name: 'Go on' }).click()
  await rig.row('/orders/third').waitFor()

  await page.getByRole('button', { name: 'Pause' }).click()
  await rig.row('/orders/third').focus()
  await page.keyboard.press('ArrowDown')
  assert.match((await page.locator(':focus').textContent()) ?? '', /\/orders\/second/)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: /GET http:\/\/127\.0\.0\.1\/orders\/second/ }).waitFor()
  await page.keyboard.press('ArrowRight')
  await page.getByRole('heading', { name: /\/orders\/first/ }).waitFor()
  await page.keyboard.press('ArrowLeft')
  await page.getByRole('heading', { name: /\/orders\/second/ }).waitFor()
  await page.keyboard.press('ArrowLeft')
  await page.getByRole('heading', { name: /\/orders\/third/ }).waitFor()
  assert.equal(await page.getByRole('link', { name: '← Newer' }).count(), 0)
  await page.getByRole('link', { name: 'All requests' }).click()
  await rig.row('/orders/third').waitFor()
  assert.deepEqual(rig.dashboard.complaints, [])
})

test('a thousand requests are listed, and only those that are seen are in the page', options, async (t) => {
  const rig = await Rig.start(t, '#/overview')
  for (let i = 0; i < 100; i++) await Promise.all(Array.from({ length: 10 }, (_, j) => rig.send(`/orders/${10 * i + j}`)))
  await rig.dashboard.show('#/requests')
  await rig.page.getByLabel('At most').selectOption('1000')
  await rig.page.getByRole('heading', { name: /^1000 requests of/ }).waitFor()
  assert.ok((await rig.page.locator('a.request').count()) < 60)
  await rig.page.evaluate('document.querySelector(".virtual").scrollTo(0, 1e6)')
  await rig.row('/orders/').last().waitFor()
  assert.ok((await rig.page.locator('a.request').count()) < 60)
})

test('the tap shows exchanges as they finish, by its filters, and can be paused', options, async (t) => {
  const rig = await Rig.start(t, '#/requests')
  const { page } = rig
  await page.getByRole('link', { name: 'Live', exact: true }).click()
  await page.getByText('Watching').waitFor()
  await rig.send('/status/404')
  await rig.row('/status/404').waitFor()
  await page.getByLabel('Status', { exact: true }).fill('5xx')
  await page.getByRole('button', { name: 'Search' }).click()
  await page.getByText('Watching').waitFor()
  await rig.send('/orders/unwanted')
  await rig.send('/status/503')
  await rig.row('/status/503').waitFor()
  assert.equal(await rig.row('/orders/unwanted').count(), 0)
  assert.match(await rig.hash(), /^#\/requests\?live&status=5xx$/)

  await page.getByRole('button', { name: 'Pause' }).click()
  await page.getByText('Paused').waitFor()
  await rig.send('/status/502')
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.getByText('Watching').waitFor()
  assert.equal(await rig.row('/status/502').count(), 0)
  await Promise.all(Array.from({ length: 250 }, () => rig.send('/status/500')))
  await page.getByText('251 exchanges, 0 lost').waitFor()
  await rig.row('/status/500').first().click()
  await page.getByRole('heading', { name: /GET .*\/status\/500/ }).waitFor()
  assert.deepEqual(rig.dashboard.complaints, [])
})

test('a record tells why, when and by whom, and what another header would change', options, async (t) => {
  const rig = await Rig.start(t, '#/requests')
  const { page, dashboard } = rig
  const verdict = (): Promise<string | null> => page.locator('.verdict').textContent()
  await dashboard.show(`#/requests/${await rig.send('/status/503/again')}`)
  await page.locator('.timeline .label').filter({ hasText: 'Try 3' }).waitFor()
  assert.match((await verdict()) ?? '', /^The service shop answered 503 at try 3 after /)
  assert.deepEqual(
    await page
      .locator('.timeline .label')
      .allTextContents()
      .then((texts) => texts.map((text) => text.split(' ', 2).join(' ').trim())),
    ['Exchange', 'Try 1', 'Try 2', 'Try 3'],
  )

  const refused = await rig.send('/keyed/7?token=abc', { 'x-api-key': 'no such key' })
  await dashboard.show(`#/requests/${refused}`)
  await page.getByText('a key that no consumer has', { exact: true }).waitFor()
  assert.equal(await verdict(), 'The policy api-key answered 401 credentials_invalid: a key that no consumer has.')
  await page.getByRole('heading', { name: /\/keyed\/7\?token=\*\*\*$/ }).waitFor()
  assert.doesNotMatch((await page.locator('main').textContent()) ?? '', /no such key/)
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByRole('button', { name: 'Copy id' }).click()
  await page.getByText('Copied').first().waitFor()
  assert.equal(await page.evaluate('navigator.clipboard.readText()'), refused)

  await dashboard.show(`#/requests/${await rig.send('/beta')}`)
  await page.getByText('header x-beta: expected 1, was absent').waitFor()
  assert.equal(await verdict(), 'The gateway answered 404 route_not_found: no route takes this request.')
  await page.getByLabel('Header', { exact: true }).fill('X-Beta')
  await page.getByLabel('Value, empty for none').fill('1')
  await page.getByRole('button', { name: 'Judge again' }).click()
  const differences = page.locator('.differences')
  await differences.waitFor()
  assert.match((await differences.textContent()) ?? '', /route\s*was none\s*would be beta/)
  await page.getByLabel('Header', { exact: true }).fill('X Beta')
  await page.getByRole('button', { name: 'Judge again' }).click()
  await page.getByText('"X Beta" is no name of a header.').waitFor()

  await dashboard.show('#/requests/nobody')
  await page.getByText(/No record of "nobody" is kept/).waitFor()
})

test('a described request is explained, shared by its address, and taken over from a record', options, async (t) => {
  const rig = await Rig.start(t, '#/try')
  const { page, dashboard } = rig
  await page.getByLabel('URL, or a path').fill('http://shop.example/beta')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByText('The gateway answers 404 route_not_found: no route takes this request.').waitFor()
  await page.getByText('header x-beta: expected 1, was absent').waitFor()
  await page.getByLabel('Headers, one a line').fill('X-Beta: 1\nCookie: sid=secret')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByText('The route beta takes it, and the service shop is asked.').waitFor()
  const sent = page.getByLabel('Request to the service')
  assert.match((await sent.textContent()) ?? '', /^GET \/beta HTTP\/1\.1\n/)
  assert.match((await sent.textContent()) ?? '', /Cookie: \*\*\*/i)
  assert.equal(await page.getByLabel('Headers, one a line').inputValue(), 'X-Beta: 1\nCookie: sid=secret')
  assert.doesNotMatch(await rig.hash(), /secret/)

  const other = await openPage(page.context().browser() ?? assert.fail(), rig.gateway)
  await other.signIn(READER, await rig.hash())
  await other.page.getByText('The route beta takes it, and the service shop is asked.').waitFor()
  assert.equal(await other.page.getByLabel('Headers, one a line').inputValue(), 'X-Beta: 1')

  await page.getByLabel('Method').fill('G T')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByText('"G T" is no method.').waitFor()
  await page.getByLabel('URL, or a path').fill('ftp://a')
  await page.getByRole('button', { name: 'Explain' }).click()
  await page.getByText('The URL begins with http://').waitFor()

  await dashboard.show(`#/requests/${await rig.send('/orders/7?page=2', { 'X-Sort': 'date', 'x-api-key': MOBILE_KEY })}`)
  await page.getByRole('link', { name: 'Try it' }).click()
  await page.getByText('The route orders takes it, and the service shop is asked.').waitFor()
  assert.match(await page.getByLabel('URL, or a path').inputValue(), /^http:\/\/127\.0\.0\.1:\d+\/orders\/7\?page=2$/)
  const headers = await page.getByLabel('Headers, one a line').inputValue()
  assert.match(headers, /^x-sort: date$/im)
  assert.doesNotMatch(headers, /x-api-key/i)
})

test('refusals are counted by policy and consumer, shadows apart, and lead to their requests', options, async (t) => {
  const rig = await Rig.start(t, '#/overview')
  const { page, dashboard } = rig
  for (let i = 0; i < 7; i++) await rig.send('/keyed/1', { 'x-api-key': MOBILE_KEY })
  await rig.send('/keyed/1')
  await rig.send('/trial/1')
  await dashboard.show('#/refusals')
  const card = (title: string) => page.locator('section.card').filter({ has: page.getByRole('heading', { name: title }) })
  const byPolicy = card('Refused by policy')
  await byPolicy.getByRole('link', { name: 'rate-limit' }).waitFor()
  assert.match((await byPolicy.getByRole('listitem').first().textContent()) ?? '', /rate-limit rate_limited2 66\.7 %/)
  assert.match((await card('Refused by consumer').textContent()) ?? '', /mobile2/)
  assert.match((await card('In shadow').textContent()) ?? '', /ip-access1/)
  await byPolicy.getByRole('link', { name: 'api-key' }).click()
  await page.getByRole('heading', { name: /^1 request of/ }).waitFor()
  assert.match(await rig.hash(), /^#\/requests\?policy=api-key&error=credentials_missing$/)
})

test('a cache is shown, and forgets after a question who may write', options, async (t) => {
  const rig = await Rig.start(t, '#/refusals')
  const { page } = rig
  await Promise.all(Array.from({ length: 6 }, () => rig.send('/catalog/a')))
  for (let i = 0; i < 6; i++) await rig.send('/catalog/a')
  const table = page.getByRole('region', { name: 'Caches' })
  await table.getByText('route catalog').waitFor()
  await page.getByRole('combobox', { name: 'Forget' }).selectOption('prefix')
  await page.getByLabel('Path', { exact: true }).fill('/catalog')
  await page.getByRole('button', { name: 'Forget…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Forget all below /catalog on all hosts?' })
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await dialog.waitFor({ state: 'hidden' })
  await page.getByRole('button', { name: 'Forget…' }).click()
  await dialog.getByRole('button', { name: 'Forget' }).click()
  await page.getByText('Forgotten in 2 workers (memory).').waitFor()
  await rig.gateway.logged('an admin write')

  const reader = await openPage(page.context().browser() ?? assert.fail(), rig.gateway)
  await reader.signIn(READER, '#/refusals')
  await reader.page.getByText('This token may look only').waitFor()
  assert.equal(await reader.page.getByRole('button', { name: 'Forget…' }).count(), 0)
})

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the views have no violation that axe-core finds, and do not scroll sideways, in ${colorScheme}`, options, async (t) => {
    const rig = await Rig.start(t, '#/overview', { colorScheme, bypassCSP: true })
    const { page, dashboard } = rig
    await sendTraffic(rig.gateway)
    await rig.send('/trial/1')
    const again = await rig.send('/status/503/again')
    const refused = await rig.send('/keyed/1', { 'x-api-key': 'no such key', 'user-agent': 'x'.repeat(300) })
    const lost = await rig.send('/beta/some/path/that/is/rather/long?with=a&query=that-goes-on-and-on-and-on-and-on')
    const views: readonly [string, string, string][] = [
      ['requests', '#/requests', 'a.request'],
      ['requests-none', '#/requests?status=299', 'text=No record that is kept'],
      ['requests-live', '#/requests?live', 'text=Watching'],
      ['record-tries', `#/requests/${again}`, 'text=Try 3'],
      ['record-refused', `#/requests/${refused}`, '.verdict'],
      ['record-no-route', `#/requests/${lost}`, '.misses'],
      ['record-missing', '#/requests/nobody', 'text=No record of'],
      ['try', '#/try?method=GET&url=http%3A%2F%2Fshop.example%2Fkeyed%2F7&headers=X-Beta%3A+1', '.verdict'],
      ['try-service', '#/try?method=GET&url=http%3A%2F%2Fshop.example%2Forders%2F7', 'text=What the service is sent'],
      ['refusals', '#/refusals', '.counts'],
    ]
    for (const [name, hash, ready] of views) {
      for (const width of [1440, 360]) {
        await page.setViewportSize({ width, height: 900 })
        await dashboard.show(hash)
        await page.locator(ready).first().waitFor()
        if (hash === '#/requests?live') {
          await rig.send('/orders/live')
          await rig.row('/orders/live').first().waitFor()
        }
        await dashboard.picture(`${name}-${width}-${colorScheme}`)
        assert.equal(await dashboard.scrollsSideways(), false, `${name} at ${width} px`)
        assert.deepEqual(await dashboard.violations(), [], `${name} at ${width} px`)
      }
    }
  })
}
