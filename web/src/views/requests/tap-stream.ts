/** The traffic tap: server-sent events over fetch, since `EventSource` can carry no token. */
import { ApiError, token } from '../../api.ts'
import { nullable, number, object, type Shape, type Shaped, text } from '../../shape.ts'

const exchange = object({
  requestId: text,
  time: text,
  client: text,
  method: text,
  host: text,
  path: text,
  route: text,
  service: text,
  consumer: text,
  status: number,
  error: nullable(text),
  attempts: number,
  target: text,
  durationMs: number,
})
export type TappedExchange = Shaped<typeof exchange>

const lost = object({ count: number })
const problem = object({ detail: text })

/** Longer than an event can be; what grows beyond it is no event stream of ours. */
const PENDING_CHARS_MAX = 1_000_000

export interface TapEvents {
  readonly onOpen: () => void
  /** What has come at once, the oldest first. */
  readonly onExchanges: (exchanges: readonly TappedExchange[]) => void
  /** Exchanges that are missing at this place. */
  readonly onLost: (count: number) => void
}

/** Watches until the gateway ends it or the signal is aborted. Throws an {@link ApiError} with a sentence when it cannot. */
export async function watchTap(query: string, signal: AbortSignal, events: TapEvents): Promise<void> {
  const response = await fetch(`/tap?${query}`, { headers: { authorization: `Bearer ${token.value}` }, signal })
  if (!response.ok || response.body === null) throw new ApiError(response.status, await sentenceOf(response))
  events.onOpen()
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let pending = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const blocks = (pending + value).split('\n\n')
    pending = blocks.pop() ?? ''
    if (pending.length > PENDING_CHARS_MAX) throw new ApiError(0, 'The gateway sends what is no event.')
    const told = blocks.map(readEvent)
    const missing = told.reduce((sum, event) => sum + (event?.lost ?? 0), 0)
    const seen = told.flatMap((event) => (event?.exchange == null ? [] : [event.exchange]))
    if (missing > 0) events.onLost(missing)
    if (seen.length > 0) events.onExchanges(seen)
  }
}

interface TapEvent {
  readonly exchange: TappedExchange | null
  readonly lost: number
}

/** One event; null for a comment, and for what this page does not know. */
function readEvent(block: string): TapEvent | null {
  const name = /^event: (.*)$/m.exec(block)?.[1]
  const data = /^data: (.*)$/m.exec(block)?.[1] ?? ''
  if (name === 'exchange') return { exchange: parsedAs(exchange, data), lost: 0 }
  return name === 'lost' ? { exchange: null, lost: parsedAs(lost, data)?.count ?? 0 } : null
}

function parsedAs<T>(shape: Shape<T>, json: string): T | null {
  try {
    const value: unknown = JSON.parse(json)
    return shape(value) ? value : null
  } catch {
    return null
  }
}

async function sentenceOf(response: Response): Promise<string> {
  return parsedAs(problem, await response.text())?.detail ?? `The gateway answered ${response.status}.`
}
