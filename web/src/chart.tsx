import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { theme } from './theme.tsx'

/** One line, or one layer of a stack. */
export interface Series {
  readonly label: string
  /** A custom property of the style. */
  readonly color: string
  readonly values: readonly (number | null)[]
}

interface ChartProps {
  readonly title: string
  /** Seconds since 1970. */
  readonly times: readonly number[]
  readonly series: readonly Series[]
  /** Layers one upon the other instead of lines. */
  readonly isStack?: boolean
  readonly format: (value: number) => string
}

const HEIGHT = 190
/** What is seen at least, so that the first points do not fill the picture. */
const SPAN_S = 60

/** Values over time. The legend tells the numbers under the pointer, or else the newest, as text; the picture is described by its peaks. */
export function Chart({ title, times, series, isStack = false, format }: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const pointed = useSignal<number | null>(null)
  const look = theme.value
  const labels = series.map(({ label }) => label).join()
  useEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const drawn = new uPlot(
      optionsOf(element.clientWidth, series, isStack, format, (index) => {
        pointed.value = index
      }),
      dataOf(times, series, isStack),
      element,
    )
    plot.current = drawn
    const watch = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }))
    watch.observe(element)
    return () => {
      watch.disconnect()
      drawn.destroy()
      plot.current = null
    }
  }, [look, labels, isStack])
  useEffect(() => plot.current?.setData(dataOf(times, series, isStack)), [times, series, isStack])
  const at = pointed.value ?? times.length - 1
  const shownTime = times[at]
  return (
    <figure>
      <figcaption>
        <h2>{title}</h2>
        <span class="muted">{pointed.value === null || shownTime === undefined ? '' : clock(shownTime)}</span>
      </figcaption>
      <div ref={box} class="chart" role="img" aria-label={`${title}. ${series.map((one) => describe(one, format)).join(' ')}`} />
      <ul class="legend">
        {series.map(({ label, color, values }) => (
          <li key={label}>
            <i style={{ background: `var(${color})` }} />
            {label} <b>{values[at] == null ? '–' : format(values[at])}</b>
          </li>
        ))}
      </ul>
    </figure>
  )
}

function describe({ label, values }: Series, format: (value: number) => string): string {
  const known = values.filter((value) => value !== null)
  const last = known.at(-1)
  return last === undefined ? `${label}: nothing yet.` : `${label}: now ${format(last)}, at most ${format(Math.max(...known))}.`
}

function clock(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString('en-GB')
}

/** From the first point, or somewhat before it, to the newest. */
function rangeOf(times: ArrayLike<number>): [number, number] {
  const end = times[times.length - 1] ?? Date.now() / 1_000
  return [Math.min(times[0] ?? end, end - SPAN_S), end]
}

/** uPlot draws layers as areas from zero: the whole stack first, and what is below it over that. */
function dataOf(times: readonly number[], series: readonly Series[], isStack: boolean): uPlot.AlignedData {
  if (!isStack) return [[...times], ...series.map(({ values }) => [...values])]
  const sums: number[][] = []
  let below = times.map(() => 0)
  for (const { values } of series) {
    below = below.map((sum, i) => sum + (values[i] ?? 0))
    sums.unshift(below)
  }
  return [[...times], ...sums]
}

function optionsOf(
  width: number,
  series: readonly Series[],
  isStack: boolean,
  format: (value: number) => string,
  onPoint: (index: number | null) => void,
): uPlot.Options {
  const css = getComputedStyle(document.documentElement)
  const color = (name: string): string => css.getPropertyValue(name).trim()
  const axis: uPlot.Axis = {
    stroke: color('--muted'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  }
  const drawn = isStack ? series.toReversed() : series
  return {
    width,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: !isStack } },
    axes: [
      { ...axis, size: 26, gap: 6, space: 70, values: (_, splits) => splits.map(clock) },
      {
        ...axis,
        size: 62,
        space: 36,
        values: (_, splits) => splits.map((value) => (value === 0 ? '0' : format(value).replace(/\.0+(?=\D|$)/, ''))),
      },
    ],
    scales: {
      // Not from what uPlot has found: of a single point it makes a day, and of none the year 1970.
      x: { range: ({ data: [shown] }) => rangeOf(shown) },
      y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    series: [
      {},
      ...drawn.map((one) => ({
        stroke: color(one.color),
        width: isStack ? 1 : 1.75,
        points: { show: false },
        ...(isStack && { fill: color(`${one.color}-fill`) }),
      })),
    ],
    hooks: { setCursor: [(self) => onPoint(self.cursor.left !== undefined && self.cursor.left >= 0 ? (self.cursor.idx ?? null) : null)] },
  }
}
