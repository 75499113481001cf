import type { RefObject } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

interface LinesProps {
  /** The element that holds the columns. */
  readonly within: RefObject<HTMLElement | null>
  /** Names of the nodes that a node leads to. */
  readonly nextOf: (node: string) => readonly string[]
  /** Whether something is chosen: then its lines are drawn strongly. */
  readonly isStrong: boolean
}

interface Spot {
  readonly left: number
  readonly right: number
  readonly middle: number
}

/** Lines between the rows that are seen. A picture of what the lists say; drawn anew with every scroll. */
export function Lines({ within, nextOf, isStrong }: LinesProps) {
  const path = useRef<SVGPathElement>(null)
  useLayoutEffect(() => {
    const element = within.current
    if (element === null) return undefined
    let frame = 0
    const draw = (): void => path.current?.setAttribute('d', linesOf(element, nextOf))
    const later = (): void => {
      cancelAnimationFrame(frame)
      frame = requestAnimationFrame(draw)
    }
    draw()
    const watch = new ResizeObserver(later)
    watch.observe(element)
    element.addEventListener('scroll', later, { capture: true, passive: true })
    return () => {
      cancelAnimationFrame(frame)
      watch.disconnect()
      element.removeEventListener('scroll', later, { capture: true })
    }
  })
  return (
    <svg class={isStrong ? 'lines strong' : 'lines'} aria-hidden="true" focusable="false">
      <path ref={path} />
    </svg>
  )
}

function linesOf(element: HTMLElement, nextOf: LinesProps['nextOf']): string {
  const spots = spotsIn(element)
  let drawn = ''
  for (const [node, from] of spots) {
    for (const next of nextOf(node)) {
      const to = spots.get(next)
      if (to === undefined) continue
      const bend = (to.left - from.right) / 2
      drawn += `M${from.right} ${from.middle}C${from.right + bend} ${from.middle} ${to.left - bend} ${to.middle} ${to.left} ${to.middle}`
    }
  }
  return drawn
}

/** Where rows are, of those that are not scrolled away. */
function spotsIn(element: HTMLElement): Map<string, Spot> {
  const origin = element.getBoundingClientRect()
  const spots = new Map<string, Spot>()
  for (const box of element.querySelectorAll('.listbox')) {
    const seen = box.getBoundingClientRect()
    for (const row of box.querySelectorAll('[data-node]')) {
      const { left, right, top, bottom } = row.getBoundingClientRect()
      const middle = (top + bottom) / 2
      if (middle < seen.top || middle > seen.bottom) continue
      const name = row.getAttribute('data-node') ?? ''
      spots.set(name, { left: left - origin.left, right: right - origin.left, middle: middle - origin.top })
    }
  }
  return spots
}
