import { useSignal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { Card, State } from '../../parts.tsx'
import { count } from '../../units.ts'
import { useAsk } from '../../use-ask.ts'
import { configShape } from './shapes.ts'

const LINE_PX = 20
const HEIGHT_PX = 480
const SPARE_LINES = 10

/** The document in force as it was written, secrets hidden; of a long one only what is seen is in the page. */
export function Document({ running }: { readonly running: string | null }) {
  // Another revision in force is another path: it is asked anew, and not every few seconds.
  const config = useAsk(`/config?${running ?? ''}`, configShape)
  const { value } = config
  const lines = useMemo(() => (value === null ? [] : JSON.stringify(value.config, null, 2).split('\n')), [value])
  const wanted = useSignal('')
  const nth = useSignal(0)
  const needle = wanted.value.toLowerCase()
  const hits = useMemo(
    () => (needle === '' ? [] : lines.flatMap((line, i) => (line.toLowerCase().includes(needle) ? [i] : []))),
    [lines, needle],
  )
  const hit = hits[nth.value % Math.max(1, hits.length)] ?? -1
  const go = (step: number): void => {
    nth.value = (nth.value + step + hits.length) % Math.max(1, hits.length)
  }
  return (
    <Card title="Document, without secrets" note={value === null ? '' : `${count(lines.length)} lines`}>
      <State of={config} />
      {value !== null && (
        <>
          <search class="actions">
            <label class="search">
              <span class="hidden">Search the document</span>
              <input
                type="search"
                placeholder="Search the document   /"
                value={wanted.value}
                onInput={(event) => {
                  wanted.value = event.currentTarget.value
                  nth.value = 0
                }}
                onKeyDown={(event) => {
                  if (event.key === 'Enter' && hits.length > 0) go(event.shiftKey ? -1 : 1)
                }}
              />
            </label>
            <span class="muted" role="status">
              {needle !== '' &&
                (hits.length === 0 ? 'not found' : `${count((nth.value % hits.length) + 1)} of ${count(hits.length)} lines`)}
            </span>
            {hits.length > 1 && (
              <>
                <button type="button" class="small" onClick={() => go(-1)}>
                  Previous
                </button>
                <button type="button" class="small" onClick={() => go(1)}>
                  Next
                </button>
              </>
            )}
          </search>
          <Lines lines={lines} needle={needle} hit={hit} />
        </>
      )}
    </Card>
  )
}

interface LinesProps {
  readonly lines: readonly string[]
  readonly needle: string
  /** The line to be seen; -1 for none. */
  readonly hit: number
}

function Lines({ lines, needle, hit }: LinesProps) {
  const box = useRef<HTMLElement>(null)
  const top = useSignal(0)
  useEffect(() => {
    if (hit >= 0) box.current?.scrollTo({ top: Math.max(0, hit * LINE_PX - HEIGHT_PX / 2) })
  }, [hit])
  const first = Math.max(0, Math.floor(top.value / LINE_PX) - SPARE_LINES)
  const shown = lines.slice(first, first + Math.ceil(HEIGHT_PX / LINE_PX) + 2 * SPARE_LINES)
  return (
    <section
      ref={box}
      class="document"
      tabIndex={0}
      aria-label="Document"
      style={{ maxHeight: `${HEIGHT_PX}px` }}
      onScroll={(event) => {
        top.value = event.currentTarget.scrollTop
      }}
    >
      <div style={{ height: `${lines.length * LINE_PX}px` }}>
        <pre style={{ transform: `translateY(${first * LINE_PX}px)` }}>
          {shown.map((line, i) => (
            <div key={first + i} class={first + i === hit ? 'hit' : ''}>
              <span class="line-number">{first + i + 1}</span>
              <Marked line={line} needle={needle} />
            </div>
          ))}
        </pre>
      </div>
    </section>
  )
}

function Marked({ line, needle }: { readonly line: string; readonly needle: string }) {
  const at = needle === '' ? -1 : line.toLowerCase().indexOf(needle)
  if (at === -1) return <>{line}</>
  return (
    <>
      {line.slice(0, at)}
      <mark>{line.slice(at, at + needle.length)}</mark>
      {line.slice(at + needle.length)}
    </>
  )
}
