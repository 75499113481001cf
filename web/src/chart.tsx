import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { theme } from './theme.ts'

export interface Line {
  readonly label: string
  /** A custom property of the style. */
  readonly color: string
}

/** Lines over time. A chart is a picture: the numbers stand in the page as text too. */
export function Chart({
  label,
  lines,
  data,
  unit,
}: {
  readonly label: string
  readonly lines: readonly Line[]
  readonly data: uPlot.AlignedData
  readonly unit: string
}) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const look = theme.value
  useEffect(() => {
    const element = box.current
    if (element === null) return
    const css = getComputedStyle(document.documentElement)
    const color = (name: string): string => css.getPropertyValue(name).trim()
    const axis = { stroke: color('--muted'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false } }
    plot.current = new uPlot(
      {
        width: element.clientWidth,
        height: 180,
        legend: { show: false },
        cursor: { y: false },
        axes: [axis, { ...axis, size: 56, values: (_, splits) => splits.map((split) => `${split}${unit}`) }],
        scales: { y: { range: (_, _min, max) => [0, Math.max(1, (max ?? 0) * 1.1)] } },
        series: [
          {},
          ...lines.map((line) => ({ label: line.label, stroke: color(line.color), width: 2, points: { show: false }, spanGaps: true })),
        ],
      },
      data,
      element,
    )
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: 180 }))
    watch.observe(element)
    return () => {
      watch.disconnect()
      plot.current?.destroy()
    }
  }, [look])
  useEffect(() => plot.current?.setData(data), [data])
  return (
    <figure>
      <div ref={box} class="chart" role="img" aria-label={label} />
      <figcaption>
        {lines.map((line) => (
          <span key={line.label} class="key">
            <i style={{ background: `var(${line.color})` }} />
            {line.label}
          </span>
        ))}
      </figcaption>
    </figure>
  )
}
