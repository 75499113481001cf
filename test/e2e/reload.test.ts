import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from './gateway-process.ts'
import { MetricsReading } from './metrics-reader.ts'
import { ReloadScenario } from './reload-scenario.ts'

const RELOADS = 200

test('200 reloads under load fail no request and lose no connection and no WebSocket', { timeout: 60_000 }, async (t) => {
  const scenario = await ReloadScenario.start(t)
  const { gateway } = scenario
  const openBefore = (await MetricsReading.of(gateway)).sum('gateway_connections')
  for (let i = 0; i < RELOADS; i++) {
    await scenario.reload()
    if (i % 20 === 0) assert.equal(await scenario.servedRound(), String(scenario.round))
  }
  const openAfter = await eventually(
    async () => (await MetricsReading.of(gateway)).sum('gateway_connections'),
    (open) => open <= openBefore,
  )
  assert.equal(openAfter, openBefore)
  assert.deepEqual(await scenario.stop(), [])
  // What was asked of it really went on throughout: less would mean that it stood still for some of the reloads.
  for (const answers of scenario.answers) assert.ok(answers >= RELOADS, `a client got ${answers} answers only`)
  for (const echoes of scenario.echoes) assert.ok(echoes >= RELOADS, `a WebSocket got ${echoes} echoes only`)
  for (const { answered } of scenario.upstreams) assert.ok(answered >= RELOADS)
})
