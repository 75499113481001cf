/** The dashboard's map and configuration, and what they change, of a real gateway in a real Chromium. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { chromiumMissing, startChromium } from '../services/chromium.ts'
import { openPage, sendTraffic, shopConfig, startGateway, startService, WRITER } from './dashboard-harness.ts'
import { eventually } from './gateway-process.ts'

const options = { skip: chromiumMissing, timeout: 110_000 }

async function start(t: TestContext, hash: string) {
  const ports = [await startService(t), await startService(t)]
  const config = shopConfig(ports)
  const gateway = await startGateway(t, config)
  const dashboard = await (await openPage(await startChromium(t), gateway)).signIn(WRITER, hash)
  return { ports, config, gateway, dashboard, page: dashboard.page }
}

test('arrows choose a route, which shows where it is written, its policies, its service and a line to it', options, async (t) => {
  const { page } = await start(t, '#/map')
  const routes = page.getByRole('listbox', { name: 'Routes' })
  await routes.getByRole('option', { name: 'keyed' }).waitFor()
  await routes.focus()
  // One after the other: an arrow that meets a list which is being drawn moves from where it was before.
  for (const name of ['orders', 'slow', 'status', 'catalog', 'keyed']) {
    await page.keyboard.press('ArrowDown')
    await routes.getByRole('option', { name, selected: true }).waitFor()
  }
  assert.equal(await page.evaluate('location.hash'), '#/map/keyed')
  await page.getByRole('heading', { name: 'Route keyed' }).waitFor()
  await page.getByText(/turnpike\.yaml:16$/).waitFor()
  await page.getByText('rate-limit', { exact: true }).waitFor()
  assert.equal(await page.getByRole('listbox', { name: 'Services' }).getByRole('option').count(), 1)
  assert.equal(await page.getByRole('listbox', { name: 'Targets' }).getByRole('option').count(), 2)
  // One to the service, and two to its targets.
  await eventually(
    () => page.locator('.lines.strong path').getAttribute('d'),
    (path) => (path ?? '').split('M').length === 4,
  )
  await page.keyboard.press('Escape')
  await page.getByText('Choose a route or a service').waitFor()
})

test('a target is drained and let back in, after it was asked for; the last one cannot be drained', options, async (t) => {
  const { page, ports } = await start(t, '#/map?service=shop')
  const [first, second] = ports
  const drain = page.getByRole('button', { name: `Drain 127.0.0.1:${first} of shop` })
  await drain.click()
  await page.getByRole('dialog').waitFor()
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'Cancel')
  await page.keyboard.press('Escape')
  assert.equal(await page.getByRole('dialog').count(), 0)
  await drain.click()
  await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click()
  await page.getByText(`127.0.0.1:${first} is out.`).waitFor()
  await page.getByRole('region', { name: 'Targets of shop' }).getByText('drained', { exact: true }).waitFor()
  await page.getByRole('button', { name: `Drain 127.0.0.1:${second} of shop` }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click()
  await page
    .getByRole('alert')
    .getByText(/the last target/)
    .waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('link', { name: 'Overview' }).click()
  await page.getByText(`An operator has taken out 127.0.0.1:${first}.`).waitFor()
  await page.getByRole('link', { name: 'shop' }).first().click()
  await page.getByRole('button', { name: `Undrain 127.0.0.1:${first} of shop` }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Let it in' }).click()
  await drain.waitFor()
})

test('an open breaker is seen, and reset', options, async (t) => {
  const { gateway, page } = await start(t, '#/map?service=legacy')
  await sendTraffic(gateway, 10)
  await page.getByRole('option', { name: /legacy.*breaker open/ }).waitFor()
  await page.getByRole('button', { name: 'Reset' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Reset' }).click()
  await page.getByText('The breakers of legacy are closed.').waitFor()
  await page.getByText('closed', { exact: true }).waitFor()
})

test('a refused configuration is told with its places, and is no secret on the overview', options, async (t) => {
  const { gateway, config, page, dashboard } = await start(t, '#/configuration')
  await page.getByText('newest', { exact: true }).waitFor()
  gateway.writeConfig(config.replace('service: search', 'service: serch'))
  const refusal = page.getByRole('region', { name: 'Why a newer configuration is not in force' })
  await refusal.getByText(/turnpike\.yaml:15:41$/).waitFor()
  await refusal.getByText('there is no service `serch`; did you mean `search`?').waitFor()
  await dashboard.show('#/overview')
  await page.getByText('A newer configuration is not in force.').waitFor()
})

test('two revisions are compared, and the older one is put into force again', options, async (t) => {
  const { gateway, config, page } = await start(t, '#/configuration')
  await page.getByText('newest', { exact: true }).waitFor()
  const old = gateway.revision
  gateway.writeConfig(config.replace('limit: 5', 'limit: 6').replace('beta:', 'gamma:'))
  await page.getByRole('button', { name: `Compare ${old} with what is in force` }).click()
  const differences = page.getByRole('region', { name: 'Differences' })
  await differences.getByText('policies.rate-limit.options.limit').waitFor()
  await differences.getByRole('row', { name: /added route gamma/ }).waitFor()
  await differences.getByRole('row', { name: /removed route beta/ }).waitFor()
  const [from, to] = [
    await page.getByRole('combobox', { name: 'From' }).inputValue(),
    await page.getByRole('combobox', { name: 'To' }).inputValue(),
  ]
  await page.getByRole('combobox', { name: 'From' }).selectOption(to)
  await page.getByRole('combobox', { name: 'To' }).selectOption(from)
  await differences.getByRole('row', { name: /added route beta/ }).waitFor()
  await page.getByRole('button', { name: `Roll back to ${old}` }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click()
  await page.getByText(`Revision ${old} is in force.`).waitFor()
  assert.equal(readFileSync(gateway.configFile, 'utf8'), config)
})

test('a pasted document is checked: each problem leads to its place, and what is valid says what it would change', options, async (t) => {
  const { config, page, gateway } = await start(t, '#/configuration')
  const field = page.getByLabel('A whole configuration')
  await field.fill('listeners: [{ port: 80 }]\nrouts: {}\n')
  await page.getByRole('button', { name: 'Check', exact: true }).click()
  await page.getByText('not valid').waitFor()
  await page.getByText(/unknown key `routs`; did you mean `routes`/).waitFor()
  await page.getByRole('button', { name: 'line 2, column 1' }).click()
  assert.equal(await page.evaluate('document.activeElement.selectionStart'), 26)
  await field.fill(config.replace('limit: 2', 'limit: 3'))
  await page.getByRole('button', { name: 'Check', exact: true }).click()
  const changes = page.getByRole('region', { name: 'What it would change' })
  await changes.getByText('policies.rate-limit.options.limit').waitFor()
  assert.equal(readFileSync(gateway.configFile, 'utf8'), config)
})

test('the document is searched, and holds no secrets', options, async (t) => {
  const { page } = await start(t, '#/configuration')
  await page.getByRole('searchbox').fill('127.0.0.1:9')
  await page
    .getByRole('status')
    .getByText(/^1 of \d lines$/)
    .waitFor()
  await page.getByRole('region', { name: 'Document' }).locator('.hit').getByText('127.0.0.1:9').waitFor()
  await page.getByRole('searchbox').fill(WRITER)
  await page.getByText('not found').waitFor()
})
