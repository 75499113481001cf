import assert from 'node:assert/strict'
import { test } from 'node:test'
import { haproxyMissing } from '../services/haproxy.ts'
import { RollingScenario } from './rolling-scenario.ts'

const ROUNDS = 2

test('rolling restarts and reloads behind HAProxy fail no request, close WebSockets with 1012 and end event streams behind an event', {
  skip: haproxyMissing,
  timeout: 120_000,
}, async (t) => {
  const scenario = await RollingScenario.start(t, { drainDelayMs: 1_500, pace: { interMs: 200 } })
  for (let round = 0; round < ROUNDS; round++) {
    await scenario.restartEach()
    await scenario.reloadEach()
  }
  await scenario.stop()
  scenario.assertNothingFailed()
  const { answers, webSocketsEnded, eventStreamsEnded } = scenario.figures
  // What was asked of it really went on: with none of these, nothing would have been shown.
  assert.ok(answers > 500, `${answers} answers only`)
  assert.ok(webSocketsEnded > 0 && eventStreamsEnded > 0, `${webSocketsEnded} WebSockets and ${eventStreamsEnded} event streams were ended`)
})
