import { useSignal } from '@preact/signals'
import { Badge, Card, State, Table } from '../parts.tsx'
import { anything, flag, list, nullable, object, type Shaped, text } from '../shape.ts'
import { useAsk } from '../use-ask.ts'

const configShape = object({
  wantedRevision: nullable(text),
  runningRevision: nullable(text),
  loadedAt: nullable(text),
  lastError: nullable(text),
  config: anything,
})
const historyShape = object({
  revisions: list(object({ revision: text, at: text, cause: text, by: nullable(text), restorable: flag })),
})
const changes = list(object({ change: text, name: text, fields: list(text) }))
const diffShape = object({
  listeners: changes,
  services: changes,
  routes: changes,
  consumers: changes,
  policies: changes,
  settings: list(text),
})

const ROOMS = ['listeners', 'services', 'routes', 'consumers', 'policies'] as const
const TEXT_CHARS_MAX = 200_000

export function Configuration() {
  const config = useAsk('/config', configShape, 5_000)
  const history = useAsk('/config/history', historyShape, 10_000)
  const from = useSignal('')
  const diff = useAsk(from.value === '' ? '' : `/config/diff?from=${encodeURIComponent(from.value)}`, diffShape)
  const { value } = config
  const written = value === null ? '' : JSON.stringify(value.config, null, 2)
  return (
    <div class="stack">
      <Card title="In force" wide>
        <State of={config} />
        {value !== null && (
          <dl class="pairs">
            <dt>Running</dt>
            <dd>
              <code>{value.runningRevision ?? 'none'}</code>{' '}
              {value.wantedRevision === value.runningRevision && value.lastError === null ? (
                <Badge kind="good">newest</Badge>
              ) : (
                <Badge kind="bad">a newer one was refused</Badge>
              )}
            </dd>
            <dt>Wanted</dt>
            <dd>
              <code>{value.wantedRevision ?? 'none'}</code>
            </dd>
            <dt>Since</dt>
            <dd>{value.loadedAt ?? '–'}</dd>
          </dl>
        )}
        {value?.lastError != null && (
          <pre class="error" role="alert" tabIndex={0}>
            {value.lastError}
          </pre>
        )}
      </Card>
      <Card title="History" wide>
        <State of={history} />
        {history.value !== null && (
          <Table
            label="History"
            empty="Nothing yet."
            columns={[{ title: 'Revision' }, { title: 'In force from' }, { title: 'Cause' }, { title: 'By' }, { title: '' }]}
            rows={history.value.revisions.map((one) => [
              <code>{one.revision}</code>,
              one.at,
              one.cause,
              one.by ?? '–',
              one.revision === value?.runningRevision ? (
                'running'
              ) : (
                <button
                  type="button"
                  disabled={!one.restorable}
                  aria-label={`Compare ${one.revision} with the running one`}
                  onClick={() => {
                    from.value = one.revision
                  }}
                >
                  Compare
                </button>
              ),
            ])}
          />
        )}
      </Card>
      {from.value !== '' && (
        <Card title={`From ${from.value} to the running one`} wide>
          <State of={diff} />
          {diff.value !== null && (
            <Table
              label="Differences"
              empty="They do not differ."
              columns={[{ title: 'What' }, { title: 'Change' }, { title: 'Fields' }]}
              rows={rowsOf(diff.value)}
            />
          )}
        </Card>
      )}
      <Card title="Document, without secrets" wide>
        <State of={config} />
        {value !== null && (
          <pre tabIndex={0}>
            {written.length > TEXT_CHARS_MAX
              ? `${written.slice(0, TEXT_CHARS_MAX)}\n… ${written.length - TEXT_CHARS_MAX} more characters`
              : written}
          </pre>
        )}
      </Card>
    </div>
  )
}

function rowsOf(diff: Shaped<typeof diffShape>) {
  const changed = ROOMS.flatMap((room) =>
    diff[room].map(({ name, change, fields }) => [`${room.slice(0, -1)} ${name}`, change, fields.join(', ')]),
  )
  return [...changed, ...diff.settings.map((name) => [name, 'changed', ''])]
}
