import { Badge, Card } from '../../parts.tsx'
import type { Traffic } from '../../traffic-shape.ts'
import { age, dateTime } from '../../units.ts'

/** `turnpike.yaml:3:5: error: unknown key`, and below it the lines it is about. */
const PROBLEM = /^(\S.*?):(\d+):(\d+): (error|warning): (.*)$/

interface Diagnostic {
  readonly severity: string
  readonly place: string
  readonly message: string
  /** The lines it is about, as the command line shows them. */
  readonly frame: string
}

/** Null where a text is no list of problems, but one sentence. */
function readDiagnostics(text: string): Diagnostic[] | null {
  const found: (Diagnostic & { frame: string })[] = []
  for (const line of text.split('\n')) {
    const [, file, row, column, severity, message] = PROBLEM.exec(line) ?? []
    const last = found.at(-1)
    if (severity !== undefined && message !== undefined) found.push({ severity, message, place: `${file}:${row}:${column}`, frame: '' })
    else if (last !== undefined) last.frame += `${line}\n`
    else if (line !== '') return null
  }
  return found.length === 0 ? null : found
}

/** Which revision serves, since when, and why a newer one does not. */
export function InForce({ now }: { readonly now: Traffic }) {
  const { runningRevision, wantedRevision, loadedAt, lastError } = now.config
  const isNewest = lastError === null && wantedRevision === runningRevision
  return (
    <Card title="In force">
      <dl class="pairs">
        <dt>Revision</dt>
        <dd>
          <code>{runningRevision ?? 'none'}</code> {isNewest ? <Badge kind="good">newest</Badge> : <Badge kind="bad">not the newest</Badge>}
        </dd>
        {!isNewest && wantedRevision !== null && wantedRevision !== runningRevision && (
          <>
            <dt>Wanted</dt>
            <dd>
              <code>{wantedRevision}</code>
            </dd>
          </>
        )}
        <dt>Since</dt>
        <dd>{loadedAt === null ? '–' : `${dateTime(loadedAt)}, for ${age((Date.parse(now.at) - Date.parse(loadedAt)) / 1_000)}`}</dd>
      </dl>
      {lastError !== null && <Refusal text={lastError} />}
    </Card>
  )
}

function Refusal({ text }: { readonly text: string }) {
  const diagnostics = readDiagnostics(text)
  return (
    <section class="refusal" aria-label="Why a newer configuration is not in force">
      <h3>A newer configuration is not in force</h3>
      {diagnostics === null ? (
        <p class="error">{text}</p>
      ) : (
        <ul class="problems">
          {diagnostics.map(({ severity, place, message, frame }) => (
            <li key={`${place} ${message}`}>
              <Badge kind={severity === 'error' ? 'bad' : 'warn'}>{severity}</Badge>
              <code>{place}</code>
              <span>{message}</span>
              {frame.trim() !== '' && <pre tabIndex={0}>{frame.trimEnd()}</pre>}
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
