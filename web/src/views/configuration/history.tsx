import { type Signal, useSignal } from '@preact/signals'
import { send } from '../../api.ts'
import { mayWrite } from '../../caller.ts'
import { askFirst } from '../../confirm.tsx'
import { refresh } from '../../live.ts'
import { Badge, Card, State, Table } from '../../parts.tsx'
import { dateTime } from '../../units.ts'
import { useAsk } from '../../use-ask.ts'
import { DiffTable } from './diff-table.tsx'
import { appliedShape, diffShape, historyShape, type Revision } from './shapes.ts'

/** What was in force, the differences between any two, and the way back. */
export function History({ running }: { readonly running: string | null }) {
  // Another revision in force is another path: it is asked anew.
  const history = useAsk(`/config/history?${running ?? ''}`, historyShape)
  const from = useSignal('')
  const to = useSignal('')
  const revisions = history.value?.revisions ?? []
  const names = [...new Set(revisions.map(({ revision }) => revision))]
  return (
    <>
      <Card title="History" note="the newest ten since the gateway began">
        <State of={history} />
        {history.value !== null && (
          <Table
            label="History"
            empty="Nothing yet."
            columns={[{ title: 'Revision' }, { title: 'In force from' }, { title: 'Cause' }, { title: 'By' }, { title: 'Actions' }]}
            rows={revisions.map((one, i) => [
              <code>{one.revision}</code>,
              <span class="when">{dateTime(one.at)}</span>,
              one.cause,
              one.by ?? '–',
              i === 0 ? (
                <Badge kind="good">in force</Badge>
              ) : (
                <span class="actions">
                  <button
                    type="button"
                    class="small"
                    aria-label={`Compare ${one.revision} with what is in force`}
                    onClick={() => {
                      from.value = one.revision
                      to.value = running ?? ''
                    }}
                  >
                    Compare
                  </button>
                  {mayWrite.value && <RollbackButton to={one} running={running} />}
                </span>
              ),
            ])}
          />
        )}
      </Card>
      {names.length > 1 && (
        <Card title="Differences">
          <div class="actions compare">
            <Select label="From" names={names} chosen={from} />
            <Select label="To" names={names} chosen={to} />
          </div>
          {from.value === '' || to.value === '' ? (
            <p class="empty">Choose two revisions.</p>
          ) : (
            <Differences from={from.value} to={to.value} />
          )}
        </Card>
      )}
    </>
  )
}

function Differences({ from, to }: { readonly from: string; readonly to: string }) {
  const diff = useAsk(`/config/diff?from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`, diffShape)
  return (
    <>
      <State of={diff} />
      {diff.value !== null && <DiffTable diff={diff.value} />}
    </>
  )
}

interface SelectProps {
  readonly label: string
  readonly names: readonly string[]
  readonly chosen: Signal<string>
}

function Select({ label, names, chosen }: SelectProps) {
  return (
    <label class="inline">
      {label}{' '}
      <select
        aria-label={label}
        value={chosen.value}
        onChange={(event) => {
          chosen.value = event.currentTarget.value
        }}
      >
        <option value="">–</option>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  )
}

function RollbackButton({ to, running }: { readonly to: Revision; readonly running: string | null }) {
  const question = (): void =>
    askFirst({
      title: `Go back to ${to.revision}?`,
      text: `The document of ${dateTime(to.at)} is written into the configuration's file, and put into force. What is there now stays beside it, with .bak.`,
      verb: 'Roll back',
      isDangerous: true,
      act: async () => {
        const body = JSON.stringify({ revision: to.revision })
        const { revision } = await send('/config/rollback', appliedShape, { body, type: 'application/json', ifMatch: running ?? '' })
        refresh()
        return `Revision ${revision} is in force.`
      },
    })
  return (
    <button
      type="button"
      class="small"
      disabled={!to.restorable}
      title={to.restorable ? undefined : 'Its document is not kept.'}
      aria-label={`Roll back to ${to.revision}`}
      onClick={question}
    >
      Roll back
    </button>
  )
}
