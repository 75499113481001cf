import type { Labels } from '../core/observe.ts'
import type { FamilyDump, MetricsDump } from './metrics.ts'

/** For the Content-Type of an answer that carries {@link renderPrometheus}'s text. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The dump in Prometheus' text exposition format 0.0.4. Families without series are left out. */
export function renderPrometheus(dump: MetricsDump): string {
  let text = ''
  for (const family of dump) {
    if (family.series.length === 0) continue
    text += `# HELP ${family.name} ${escapeHelp(family.help)}\n# TYPE ${family.name} ${family.kind}\n`
    text += family.kind === 'histogram' ? renderHistograms(family) : renderValues(family)
  }
  return text
}

function renderValues({ name, series }: FamilyDump): string {
  let text = ''
  for (const { labels, values } of series) {
    const pairs = renderLabels(labels)
    text += `${name}${pairs === '' ? '' : `{${pairs}}`} ${formatNumber(values[0] ?? 0)}\n`
  }
  return text
}

function renderHistograms({ name, bounds, series }: FamilyDump): string {
  const bucketLabels = [...bounds.map(formatNumber), '+Inf']
  let text = ''
  for (const { labels, values } of series) {
    const pairs = renderLabels(labels)
    const prefix = `${name}_bucket{${pairs === '' ? '' : `${pairs},`}le="`
    // We keep what fell into each bucket; the format wants what lies at or below its bound.
    let count = 0
    for (let i = 0; i < bucketLabels.length; i++) {
      count += values[i] ?? 0
      text += `${prefix}${bucketLabels[i]}"} ${count}\n`
    }
    const set = pairs === '' ? '' : `{${pairs}}`
    text += `${name}_sum${set} ${formatNumber(values[bounds.length + 1] ?? 0)}\n${name}_count${set} ${count}\n`
  }
  return text
}

function renderLabels(labels: Labels): string {
  let text = ''
  for (const name of Object.keys(labels)) text += `${text === '' ? '' : ','}${name}="${escapeLabel(labels[name] ?? '')}"`
  return text
}

function escapeLabel(value: string): string {
  return /["\\\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"') : value
}

function escapeHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  return String(value)
}
