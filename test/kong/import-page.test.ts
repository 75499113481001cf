/** The fidelity report as a page, in a real Chromium. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AxeResults } from 'axe-core'
import { renderReportPage } from '../../src/cli/import-page.ts'
import { fidelityReport } from '../../src/config/formats/kong/fidelity.ts'
import { chromiumMissing, startChromium } from '../services/chromium.ts'
import { loadKong } from './kong-gateway.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** Where pictures are written; none are without it. */
const SCREENSHOT_FOLDER = process.env['DASHBOARD_SCREENSHOTS'] ?? ''

const KONG = `
_format_version: "3.0"
services:
  - name: users
    url: http://users.internal
    read_timeout: 5000
    routes:
      - { name: users, paths: [/users], path_handling: v1, response_buffering: true }
      - { name: "a.very-long.name-of-a-route.that-goes-on-and-on.and-does-not-fit-into-a-narrow-window", hosts: [a.example] }
    plugins:
      - { name: rate-limiting, config: { month: 100, minute: 1.5 } }
      - { name: openid-connect, config: { issuer: https://a.example } }
  - { name: orders, url: "http://orders.internal", routes: [{ name: orders, paths: [/orders] }] }
consumers:
  - { username: "<script>alert(1)</script>", keyauth_credentials: [{ key: a-key }] }
`

async function pageOf(): Promise<string> {
  const loaded = await loadKong(KONG, { load: { skipUnsupported: true } })
  assert.ok('ir' in loaded)
  const [translation] = loaded.kong
  assert.ok(translation !== undefined)
  return renderReportPage(fidelityReport('kong.yml', translation))
}

test('names of a Kong file are text in the page', async () => {
  const page = await pageOf()
  assert.doesNotMatch(page, /<script/)
  assert.match(page, /&lt;script&gt;alert/)
  assert.doesNotMatch(page, /a-key/)
})

for (const [colorScheme, width] of [
  ['light', 1100],
  ['dark', 1100],
  ['light', 360],
] as const) {
  test(`the page is accessible, and fits, ${colorScheme} and ${width} pixels wide`, { skip: chromiumMissing }, async (t) => {
    const browser = await startChromium(t)
    const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } })
    const wrong: string[] = []
    page.on('console', (message) => void wrong.push(message.text()))
    page.on('request', (request) => {
      if (!request.url().startsWith('data:')) wrong.push(request.url())
    })
    await page.setContent(await pageOf())
    assert.equal(await page.title(), 'Fidelity of kong.yml')
    const isWide = await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth')
    assert.equal(isWide, false, 'the page scrolls sideways')
    if (SCREENSHOT_FOLDER !== '') {
      mkdirSync(SCREENSHOT_FOLDER, { recursive: true })
      await page.screenshot({ path: join(SCREENSHOT_FOLDER, `import-${colorScheme}-${width}.png`), fullPage: true })
    }
    await page.evaluate('for (const details of document.querySelectorAll("details")) details.open = true')
    await page.evaluate(AXE)
    const { violations }: AxeResults = await page.evaluate('axe.run()')
    assert.deepEqual(
      violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
      [],
    )
    assert.deepEqual(wrong, [])
  })
}
