import { Badge, type Kind, Table } from '../../parts.tsx'
import type { Diff } from './shapes.ts'

const ROOMS = [
  ['listeners', 'listener'],
  ['services', 'service'],
  ['routes', 'route'],
  ['consumers', 'consumer'],
  ['policies', 'policy everywhere'],
] as const
const KINDS: Readonly<Record<string, Kind>> = { added: 'good', removed: 'bad', changed: 'warn' }
/** Of 10,000 routes that have all changed, nobody reads more. */
const ROWS_MAX = 500

/** What differs between two configurations. Values are not told: they may be secrets. */
export function DiffTable({ diff }: { readonly diff: Diff }) {
  const changes = ROOMS.flatMap(([room, word]) => diff[room].map((change) => ({ word, ...change })))
  const settings = diff.settings.map((name) => ({ word: 'setting', name, change: 'changed', at: null, fields: [] }))
  const all = [...changes, ...settings]
  return (
    <>
      <Table
        label="Differences"
        empty="They do not differ in what they mean."
        columns={[{ title: 'Change' }, { title: 'What' }, { title: 'Fields' }, { title: 'Written at' }]}
        rows={all.slice(0, ROWS_MAX).map(({ word, name, change, at, fields }) => [
          <Badge kind={KINDS[change] ?? 'plain'}>{change}</Badge>,
          <>
            {word} <b>{name}</b>
          </>,
          fields.length === 0 ? <span class="muted">{change === 'changed' ? '' : 'all of it'}</span> : <code>{fields.join(', ')}</code>,
          at === null ? '' : <code>{`${at.file}:${at.line}`}</code>,
        ])}
      />
      {all.length > ROWS_MAX && <p class="muted">… and {all.length - ROWS_MAX} more.</p>}
    </>
  )
}
