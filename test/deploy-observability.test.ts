/** The alert rules, the dashboard and the table of metrics hold together with the code. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { prometheusMissing, promtool } from './services/prometheus.ts'

const ROOT = join(import.meta.dirname, '..')
const PROMETHEUS = join(ROOT, 'deploy', 'prometheus')

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string }[]
}

interface Dashboard {
  readonly schemaVersion: number
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] }
  readonly panels: readonly Panel[]
}

const dashboard = JSON.parse(readFileSync(join(ROOT, 'deploy', 'grafana', 'turnpike.json'), 'utf8')) as Dashboard

function assertPromtool(...args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(promtool, args, { cwd: PROMETHEUS, encoding: 'utf8', timeout: 30_000 })
  assert.equal(status, 0, `${stdout}${stderr}`)
}

test('the configuration of Prometheus and its rules are right', { skip: prometheusMissing }, () => {
  assertPromtool('check', 'config', 'prometheus.yml')
})

test('each alert fires in trouble and keeps still without', { skip: prometheusMissing }, () => {
  assertPromtool('test', 'rules', 'turnpike.rules.test.yml')
  const alerts = (file: string): string[] => [
    ...new Set([...readFileSync(join(PROMETHEUS, file), 'utf8').matchAll(/\b(?:alert|alertname): (\w+)/g)].map(([, name = '']) => name)),
  ]
  assert.deepEqual(alerts('turnpike.rules.test.yml').toSorted(), alerts('turnpike.rules.yml').toSorted())
})

test('the dashboard is one of Grafana 11 with a choice of its data source, and no panel lies over another', () => {
  assert.ok(dashboard.schemaVersion >= 39)
  assert.deepEqual(
    dashboard.templating.list.map(({ name, type }) => [name, type]),
    [
      ['datasource', 'datasource'],
      ['instance', 'query'],
      ['service', 'query'],
    ],
  )
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
  const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  )
  assert.equal(new Set(cells).size, cells.length)
  assert.deepEqual(
    dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title),
    ['Traffic', 'Errors by cause', 'Latency by route and service', 'Upstream health', 'Limits', 'Cache', 'Runtime', 'Configuration'],
  )
})

test('Prometheus can read every expression of the dashboard', { skip: prometheusMissing }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-dashboard-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  assert.ok(expressions.length > 50)
  // promtool reads rules, and these hold expressions.
  const rules = expressions.map((expr, i) => ({ record: `dashboard:${i}`, expr: expr.replaceAll('$__rate_interval', '5m') }))
  writeFileSync(join(folder, 'rules.yml'), JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
  assertPromtool('check', 'rules', '--lint-fatal', join(folder, 'rules.yml'))
})

test('docs/observability.md has every metric of the code in its table, and no other', () => {
  const page = readFileSync(join(ROOT, 'docs', 'observability.md'), 'utf8')
  const described = [...page.matchAll(/^\| `(gateway_\w+)`/gm)].map(([, name = '']) => name)
  const files = globSync('src/**/*.ts', { cwd: ROOT, exclude: (name) => /\.(test|fixture)\.ts$/.test(name) })
  // What is written beside these two ends is a code of an error.
  const isMetric = (name: string): boolean => !/^gateway_(overloaded|shutting_down)$/.test(name)
  const inCode = files.flatMap((file) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/'(gateway_\w+)'/g)].map(([, name = '']) => name),
  )
  assert.deepEqual(described.toSorted(), [...new Set(inCode.filter(isMetric))].toSorted())
})
