/** Four processes, one Redis: never above the limit, and what the exact model admits. `LIMITS_SECONDS=30` runs it for longer. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { ModelGroup } from '../contract/limit-model.ts'
import { redisMissing, startRedis } from '../services/redis.ts'
import { LOG, RULES } from './accuracy.ts'

const PROCESSES = 4
const SECONDS = process.env['LIMITS_SECONDS'] ?? '3'

interface Report {
  readonly takes: number
  readonly admitted: Readonly<Record<string, number>>
}

async function runProcess(port: number): Promise<Report> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'accuracy.fixture.ts'), `${port}`, SECONDS], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const report: Report = JSON.parse(await text(child.stdout))
  return report
}

test('four processes on one Redis are given what the model gives', { skip: redisMissing, timeout: 120_000 }, async (t) => {
  const redis = await startRedis(t)
  const reports = await Promise.all(Array.from({ length: PROCESSES }, () => runProcess(redis.port)))
  const takes = reports.reduce((sum, report) => sum + report.takes, 0)
  const admitted = new Map<string, number>()
  for (const report of reports)
    for (const [keys, count] of Object.entries(report.admitted)) admitted.set(keys, (admitted.get(keys) ?? 0) + count)

  const log = redis.command('lrange', LOG, '0', '-1').split('\n')
  assert.equal(log.length, takes, 'every take was decided once')
  const model = new ModelGroup(RULES)
  const expected = new Map<string, number>()
  for (const line of log) {
    const [seconds = '', microseconds = '', ...names] = line.split(' ')
    const keys = names.map((name) => name.slice(name.lastIndexOf(':') + 1))
    const decision = model.take(keys, 1, BigInt(seconds) * 1_000_000n + BigInt(microseconds))
    if (decision.admitted) expected.set(keys.join(' '), (expected.get(keys.join(' ')) ?? 0) + 1)
  }
  const sum = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((all, count) => all + count, 0)
  t.diagnostic(`${takes} takes in ${SECONDS} s: ${sum(admitted)} admitted, by the model ${sum(expected)}`)
  assert.ok(sum(expected) < takes / 2 && sum(expected) > 0, 'the limits were reached')
  assert.deepEqual(Object.fromEntries(admitted), Object.fromEntries(expected))
})
