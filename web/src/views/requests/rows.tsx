import type { TargetedKeyboardEvent } from 'preact'
import { clockTime, plural } from '../../format.ts'
import { recordLink } from '../../links.ts'
import { Badge, ms, statusKind } from '../../parts.tsx'
import { VirtualList } from '../../virtual-list.tsx'

/** A request in one line: a record in brief, or an exchange of the tap. */
export interface RequestRow {
  readonly requestId: string
  readonly time: string
  readonly method: string
  readonly host: string
  readonly path: string
  readonly route: string
  readonly service: string
  readonly consumer: string
  readonly status: number
  readonly error: string | null
  readonly policy?: string
  readonly shadow?: readonly string[]
  readonly attempts: number
  readonly durationMs: number
}

const HEIGHT_MIN_PX = 320
/** What stands above and below the rows. */
const AROUND_PX = 430

/** Requests as links to their records. Only those that are seen are in the page; arrow keys go through them. */
export function RequestRows({ label, items }: { readonly label: string; readonly items: readonly RequestRow[] }) {
  return (
    <div class="requests">
      <div class="request head" aria-hidden="true">
        <span>Time</span>
        <span>Status</span>
        <span>Request</span>
        <span>Cause</span>
        <span>Route</span>
        <span>Service</span>
        <span class="number">Took</span>
      </div>
      <VirtualList
        label={label}
        items={items}
        height={Math.max(HEIGHT_MIN_PX, window.innerHeight - AROUND_PX)}
        keyOf={({ requestId, time }) => `${time} ${requestId}`}
        render={(item) => <Row {...item} />}
      />
    </div>
  )
}

function Row({
  requestId,
  time,
  method,
  host,
  path,
  route,
  service,
  consumer,
  status,
  error,
  policy,
  shadow,
  attempts,
  durationMs,
}: RequestRow) {
  const cause = error ?? (policy === undefined || policy === '' ? '' : `by ${policy}`)
  return (
    <a class="row request" onKeyDown={moveFocus} href={recordLink(requestId)} title={`${method} ${host}${path}`}>
      <span class="time">{clockTime(time)}</span>
      <span>
        <Badge kind={statusKind(status)}>{status === 0 ? 'gone' : status}</Badge>
      </span>
      <span class="what">
        <b>{method || 'no request'}</b> <span class="muted">{host}</span>
        {path}
      </span>
      <span class="cause">
        {cause}
        {(shadow ?? []).map((kind) => (
          <Badge key={kind} kind="plain">
            shadow: {kind}
          </Badge>
        ))}
      </span>
      <span class="route">
        {route || '–'}
        {consumer !== '' && <span class="muted"> for {consumer}</span>}
      </span>
      <span class="service">
        {service || '–'}
        {attempts > 1 && <span class="muted"> {plural(attempts, 'try', 'tries')}</span>}
      </span>
      <span class="number took">{ms(durationMs)}</span>
    </a>
  )
}

function moveFocus(event: TargetedKeyboardEvent<HTMLAnchorElement>): void {
  const rows = [...(event.currentTarget.closest('.requests')?.querySelectorAll<HTMLAnchorElement>('a.request') ?? [])]
  const at = rows.indexOf(event.currentTarget)
  const to = event.key === 'ArrowDown' ? at + 1 : event.key === 'ArrowUp' && at > 0 ? at - 1 : -1
  const next = rows[to]
  if (next === undefined) return
  event.preventDefault()
  next.focus()
}
