import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Labels } from '../core/observe.ts'
import type { MetricsDump, SeriesDump } from './metrics.ts'

/** For the Content-Type of an answer that carries {@link renderPrometheus}'s text. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Characters that are rendered in one go: a millisecond or two. */
const TURN_CHARS = 262_144

/** The dump in Prometheus' text exposition format 0.0.4. Families without series are left out. */
export function renderPrometheus(dump: MetricsDump): string {
  return [...piecesOf(dump)].join('')
}

/** Renders for scrapes, in turns of the event loop: whoever else asks the control process meanwhile waits for one turn and not for all. */
export class PrometheusRenderer {
  readonly #dump: () => Promise<MetricsDump>
  #rendering: Promise<Buffer> | null = null

  /** @param dump what is to be rendered, as it is when it is asked for */
  constructor(dump: () => Promise<MetricsDump>) {
    this.#dump = dump
  }

  /** The text of {@link renderPrometheus} in UTF-8. Those who ask while it is being made get the same. */
  render(): Promise<Buffer> {
    this.#rendering ??= this.#render().finally(() => {
      this.#rendering = null
    })
    return this.#rendering
  }

  async #render(): Promise<Buffer> {
    const chunks: Buffer[] = []
    let text = ''
    for (const piece of piecesOf(await this.#dump())) {
      text += piece
      if (text.length < TURN_CHARS) continue
      chunks.push(Buffer.from(text))
      text = ''
      await nextTurn()
    }
    return Buffer.concat([...chunks, Buffer.from(text)])
  }
}

/** Heads of families, and their series one by one. */
function* piecesOf(dump: MetricsDump): Generator<string> {
  for (const { name, help, kind, bounds, series } of dump) {
    if (series.length === 0) continue
    yield `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${kind}\n`
    const bucketLabels = [...bounds.map(formatNumber), '+Inf']
    for (const one of series) yield kind === 'histogram' ? renderHistogram(name, bucketLabels, one) : renderValue(name, one)
  }
}

function renderValue(name: string, { labels, values }: SeriesDump): string {
  const pairs = renderLabels(labels)
  return `${name}${pairs === '' ? '' : `{${pairs}}`} ${formatNumber(values[0] ?? 0)}\n`
}

function renderHistogram(name: string, bucketLabels: readonly string[], { labels, values }: SeriesDump): string {
  const pairs = renderLabels(labels)
  const prefix = `${name}_bucket{${pairs === '' ? '' : `${pairs},`}le="`
  let text = ''
  // We keep what fell into each bucket; the format wants what lies at or below its bound.
  let count = 0
  for (let i = 0; i < bucketLabels.length; i++) {
    count += values[i] ?? 0
    text += `${prefix}${bucketLabels[i]}"} ${count}\n`
  }
  const set = pairs === '' ? '' : `{${pairs}}`
  return `${text}${name}_sum${set} ${formatNumber(values[bucketLabels.length] ?? 0)}\n${name}_count${set} ${count}\n`
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
