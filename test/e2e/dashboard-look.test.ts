/** How the dashboard's views look: accessibility by axe-core, narrow screens, and many routes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chromiumMissing, startChromium } from '../services/chromium.ts'
import { openPage, sendTraffic, startGateway, startService, WRITER } from './dashboard-harness.ts'

const options = { skip: chromiumMissing, timeout: 150_000 }
const VIEWS = ['#/overview', '#/map', '#/map/keyed', '#/map?service=legacy', '#/configuration'] as const
/** What a view has when it is there. */
const READY: Readonly<Record<(typeof VIEWS)[number], string>> = {
  '#/overview': 'section[aria-label="Routes"]',
  '#/map': '[role="option"]',
  '#/map/keyed': 'section[aria-label="Targets of shop"]',
  '#/map?service=legacy': 'section[aria-label="Targets of legacy"]',
  '#/configuration': 'section[aria-label="Document"]',
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1440, 360]) {
    test(`axe-core finds nothing in any view, and no page scrolls sideways: ${colorScheme}, ${width} pixels`, options, async (t) => {
      const gateway = await startGateway(t)
      await sendTraffic(gateway)
      const dashboard = await openPage(await startChromium(t), gateway, { colorScheme, width, bypassCSP: true, reducedMotion: 'reduce' })
      await dashboard.open()
      await dashboard.page.getByLabel('Admin token').waitFor()
      assert.deepEqual(await dashboard.violations(), [], 'sign-in')
      await dashboard.signIn()
      await dashboard.page.getByText('Counting from now on.').first().waitFor()
      await sendTraffic(gateway)
      for (const view of VIEWS) {
        await dashboard.show(view)
        await dashboard.page.locator(READY[view]).first().waitFor()
        assert.deepEqual(await dashboard.violations(), [], view)
        assert.equal(await dashboard.scrollsSideways(), false, view)
        await dashboard.picture(`${view.replaceAll(/[^a-z]+/g, '-')}-${colorScheme}-${width}`)
      }
    })
  }
}

test('of 10,000 routes only those are in the page that are seen, and a search finds any', options, async (t) => {
  const port = await startService(t)
  const count = 10_000
  const services = Array.from({ length: 200 }, (_, i) => `  svc-${i}: { targets: ["127.0.0.1:${port}"] }`)
  const routes = Array.from({ length: count }, (_, i) => `  route-${i}: { path: /r${i}/*, service: svc-${i % 200} }`)
  const config = `listeners: [{ host: 127.0.0.1, port: 0 }]
admin: { port: 0, token: ${WRITER} }
workers: 1
accessLog: false
services:\n${services.join('\n')}\nroutes:\n${routes.join('\n')}\n`
  const gateway = await startGateway(t, config)
  const { page, show } = await (await openPage(await startChromium(t), gateway)).signIn(WRITER, '#/map').then((dashboard) => ({
    page: dashboard.page,
    show: (hash: string) => dashboard.show(hash),
  }))
  const list = page.getByRole('listbox', { name: 'Routes' })
  const nodes = async (): Promise<number> => Number(await page.evaluate('document.querySelectorAll("*").length'))
  await page.getByText('10,000', { exact: true }).waitFor()
  assert.ok((await nodes()) < 1_000, `${await nodes()} elements`)
  await list.focus()
  await page.keyboard.press('End')
  await list.getByRole('option', { name: `route-${count - 1}`, selected: true }).waitFor()
  await page.getByRole('heading', { name: `Route route-${count - 1}` }).waitFor()
  assert.ok((await nodes()) < 1_000, `${await nodes()} elements at the end`)
  await page.keyboard.press('Escape')
  await page.getByRole('searchbox').fill('/r7531/')
  await list.getByRole('option', { name: 'route-7531' }).and(page.locator('[aria-setsize="1"]')).click()
  await page.getByRole('listbox', { name: 'Services' }).getByRole('option', { name: 'svc-131' }).waitFor()
  await show('#/configuration')
  await page.getByRole('searchbox').fill('route-9999')
  await page.getByRole('region', { name: 'Document' }).locator('mark').getByText('route-9999').first().waitFor()
  assert.ok((await nodes()) < 1_000, `${await nodes()} elements of the document`)
})
