/**
 * `node test/e2e/rolling.ts --rounds 50`: two gateways behind HAProxy, with the configuration of deploy/haproxy; each round starts one after the
 * other again and gives both a new configuration, under load. Prints what came of it; a failed request is a failure. A round takes about ten
 * seconds, so `npm test` runs a short form (rolling.test.ts).
 */
import { test } from 'node:test'
import { parseArgs } from 'node:util'
import { RollingScenario } from './rolling-scenario.ts'

const DRAIN_DELAY_MS = 4_000
const LOOK_EVERY = 5

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '50' }, 'drain-delay': { type: 'string' } } })
const rounds = Number(values.rounds)

test(`${rounds} rolling restarts and ${rounds} rolling reloads fail no request`, async (t) => {
  const startedAt = performance.now()
  const scenario = await RollingScenario.start(t, { drainDelayMs: Number(values['drain-delay'] ?? DRAIN_DELAY_MS) })
  const { figures } = scenario
  for (let round = 1; round <= rounds; round++) {
    await scenario.restartEach()
    await scenario.reloadEach()
    if (round % LOOK_EVERY !== 0 && round !== rounds) continue
    const seconds = Math.round((performance.now() - startedAt) / 1_000)
    process.stdout.write(
      `${String(round).padStart(4)} rounds in ${seconds} s: ${figures.answers} answers, ${figures.webSocketsEnded} WebSockets closed with 1012, ` +
        `${figures.eventStreamsEnded} event streams ended, ${figures.failures.length} failures\n`,
    )
  }
  await scenario.stop()
  scenario.assertNothingFailed()
})
