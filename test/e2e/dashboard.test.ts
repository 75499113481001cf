/** The dashboard's frame, overview and sign-in, of a real gateway in a real Chromium. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chromiumMissing, startChromium } from '../services/chromium.ts'
import { openPage, READER, sendTraffic, shopConfig, startDashboard, startGateway, startService, WRITER } from './dashboard-harness.ts'
import { eventually, GatewayProcess } from './gateway-process.ts'

const options = { skip: chromiumMissing, timeout: 110_000 }

test('the overview shows rates, percentiles and causes, and what is wrong', options, async (t) => {
  const { gateway, page } = await startDashboard(t)
  // What is counted before anybody looks is no growth.
  await page.getByText('Counting from now on.').first().waitFor()
  await sendTraffic(gateway)
  const routes = page.getByRole('region', { name: 'Routes' })
  await routes.getByText('/orders/*').waitFor()
  await page.getByRole('region', { name: 'Services' }).getByRole('link', { name: 'shop' }).waitFor()
  await page.getByRole('region', { name: 'Errors by cause' }).getByRole('link', { name: 'route_not_found' }).waitFor()
  await page
    .getByRole('region', { name: 'What is wrong' })
    .getByText(/The breaker is open/)
    .waitFor()
  const charts = page.getByRole('img')
  assert.equal(await charts.count(), 3)
  await eventually(
    () => charts.nth(1).getAttribute('aria-label'),
    (label) => /^Latency\. p50: now .* ms, at most .* p99: now/.test(label ?? ''),
  )
  await routes.getByRole('button', { name: 'p99' }).click()
  await routes.getByRole('columnheader', { name: 'p99' }).and(page.locator('[aria-sort="descending"]')).waitFor()
  assert.match((await routes.getByRole('row').nth(1).textContent()) ?? '', /^\/slow\/\*/)
})

test('a page asks its own origin only, with a policy that lets nothing else run, and complains of nothing', options, async (t) => {
  const { gateway, dashboard } = await startDashboard(t)
  for (const view of ['map', 'map/orders', 'requests', 'refusals', 'configuration', 'overview']) {
    await dashboard.show(`#/${view}`)
    await dashboard.page.getByRole('main').waitFor()
    await dashboard.page.waitForTimeout(300)
  }
  const { origin } = new URL(gateway.adminUrl)
  assert.ok(dashboard.asked.length > 5)
  // The icon is an empty `data:` URL.
  assert.deepEqual(
    dashboard.asked.filter((url) => !url.startsWith(`${origin}/`) && url !== 'data:,'),
    [],
  )
  assert.deepEqual(dashboard.complaints, [])
  const policy = (await fetch(gateway.adminUrl)).headers.get('content-security-policy') ?? ''
  assert.match(policy, /^default-src 'none'; script-src 'sha256-[^' ]+'; style-src 'sha256-[^' ]+'; /)
  assert.doesNotMatch(policy, /unsafe/)
  const refused = await dashboard.page.evaluate(
    `new Promise((resolve) => {
      document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective))
      const script = document.createElement('script')
      script.textContent = 'globalThis.injected = 1'
      document.head.append(script)
    })`,
  )
  assert.equal(refused, 'script-src-elem')
  assert.equal(await dashboard.page.evaluate('globalThis.injected'), undefined)
})

test('a wrong token is told, a token is kept in the tab only, and signing out forgets it', options, async (t) => {
  const gateway = await startGateway(t)
  const browser = await startChromium(t)
  const dashboard = await (await openPage(browser, gateway)).open()
  const { page } = dashboard
  await page.getByLabel('Admin token').fill('wrong')
  await page.keyboard.press('Enter')
  await page.getByRole('alert').getByText('The gateway does not know this token.').waitFor()
  await page.getByLabel('Admin token').fill(READER)
  await page.keyboard.press('Enter')
  await page.getByText('board').waitFor()
  assert.equal(await page.evaluate(`JSON.stringify(localStorage).includes(${JSON.stringify(READER)}) || document.cookie !== ''`), false)
  await page.reload()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  const other = await dashboard.context.newPage()
  await other.goto(gateway.adminUrl)
  await other.getByLabel('Admin token').waitFor()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByLabel('Admin token').waitFor()
  assert.equal(await page.evaluate('sessionStorage.length'), 0)
})

test('a token that is taken away signs out, and says why', options, async (t) => {
  const { gateway, page } = await startDashboard(t)
  const ports = [await startService(t)]
  gateway.writeConfig(shopConfig(ports).replace(WRITER, 'another-token-that-writes'))
  await page.getByRole('alert').getByText('The gateway does not know this token any more.').waitFor()
})

test('a token that may only look sees nothing that changes anything', options, async (t) => {
  const gateway = await startGateway(t)
  const { page, show } = await (await openPage(await startChromium(t), gateway)).signIn(READER, '#/map?service=shop').then((dashboard) => ({
    page: dashboard.page,
    show: (hash: string) => dashboard.show(hash),
  }))
  await page.getByRole('heading', { name: 'Service shop' }).waitFor()
  await page.getByText('read', { exact: true }).waitFor()
  assert.equal(await page.getByRole('button', { name: /Drain|Reset/ }).count(), 0)
  await show('#/configuration')
  await page.getByText('This needs a token with the role write').waitFor()
  assert.equal(await page.getByRole('button', { name: /Roll back|^Check$/ }).count(), 0)
})

test('while the gateway is away a banner says so, and the page goes on by itself when it is back', options, async (t) => {
  const config = shopConfig([await startService(t)])
  const first = await startGateway(t, config)
  const { port } = new URL(first.adminUrl)
  const dashboard = await (await openPage(await startChromium(t), first)).signIn()
  const { page } = dashboard
  await page.getByText('Live', { exact: true }).waitFor()
  first.child.kill('SIGKILL')
  await first.exited
  await page.getByText('The gateway does not answer.').waitFor()
  await page.getByText('No answer', { exact: true }).waitFor()
  const second = await new GatewayProcess(t, { config: config.replace('admin: { port: 0', `admin: { port: ${port}`) }).ready()
  assert.equal(new URL(second.adminUrl).port, port)
  await page.getByText('Live', { exact: true }).waitFor()
  await eventually(
    () => page.getByText('The gateway does not answer.').count(),
    (count) => count === 0,
  )
  await sendTraffic(second)
  await page.getByRole('region', { name: 'Routes' }).getByText('/orders/*').waitFor()
})

test('all of it can be reached by keyboard: skip link, views, search', options, async (t) => {
  const { page, dashboard } = await startDashboard(t)
  // Tab begins where the focus was: at the top of a page that is new.
  await page.reload()
  await page.getByText('Live', { exact: true }).waitFor()
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to content')
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate('document.activeElement.id'), 'main')
  await page.getByRole('link', { name: 'Map' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('listbox', { name: 'Routes' }).waitFor()
  assert.equal(await page.title(), 'Map · Turnpike')
  await page.keyboard.press('/')
  await page.keyboard.type('keyed/')
  await page.getByRole('listbox', { name: 'Routes' }).getByRole('option').and(page.locator('[aria-setsize="1"]')).waitFor()
  assert.deepEqual(dashboard.complaints, [])
})

test('colours follow the system until somebody chooses others', options, async (t) => {
  const { page } = await startDashboard(t, { colorScheme: 'dark' })
  // The page hears of the system's colours a moment later.
  const themeIs = (theme: string) => page.locator(`html[data-theme="${theme}"]`).waitFor()
  await themeIs('dark')
  await page.emulateMedia({ colorScheme: 'light' })
  await themeIs('light')
  await page.getByRole('button', { name: 'Switch to dark colours' }).click()
  await page.reload()
  await themeIs('dark')
})
