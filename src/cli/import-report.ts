/** The fidelity report as text, for terminals of 80 columns and more. */
import { styleText } from 'node:util'
import { printable } from '../config/diagnostics.ts'
import type { EntityFidelity, FidelityReport, FieldFidelity } from '../config/formats/kong/fidelity.ts'
import type { Fidelity } from '../config/formats/kong/types.ts'
import { wrapped } from '../config/yaml-text.ts'
import { columns } from './terminal.ts'

export interface ReportLook {
  readonly colour: boolean
  /** Characters in a line. */
  readonly width: number
}

const FIDELITIES: readonly Fidelity[] = ['exact', 'approximated', 'unsupported']
const MARKS: Readonly<Record<Fidelity, string>> = { exact: '✔', approximated: '≈', unsupported: '✖' }
const STYLES = { exact: 'green', approximated: 'yellow', unsupported: 'red' } as const
const WIDTH_MAX = 100
/** Entities that are named where many share one reason. */
const NAMED_MAX = 4

/** Counts, what differs by kind and reason, and what always differs. Ends with a line feed. */
export function renderReport(report: FidelityReport, { colour, width }: ReportLook): string {
  const chars = Math.min(Math.max(width, 40), WIDTH_MAX)
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    colour ? styleText(style, text, { validateStream: false }) : text
  const lines = [paint('bold', `Fidelity of ${printable(report.file)}`), '', ...countsOf(report, paint)]
  for (const [kind, entities] of Map.groupBy(report.details, (entity) => entity.kind)) {
    lines.push('', kindLine(kind, entities, paint))
    for (const { fidelity, field, reason, names } of differences(entities)) {
      const head = printable(`${MARKS[fidelity]} ${field === '' ? fidelity : field}`)
      lines.push(...hung(namesOf(names), `  ${paint(STYLES[fidelity], head)}  `, 2 + head.length + 2, chars))
      lines.push(...wrapped(printable(reason), chars - 6).map((line) => `      ${paint('dim', line)}`))
    }
  }
  lines.push('', paint('bold', 'For every request'))
  for (const { fidelity, reason } of report.always) {
    lines.push(...hung(reason, `  ${paint(STYLES[fidelity], MARKS[fidelity])} `, 4, chars))
  }
  return `${lines.join('\n')}\n`
}

function countsOf(
  { entities, fields }: FidelityReport,
  paint: (style: 'green' | 'yellow' | 'red' | 'dim', text: string) => string,
): string[] {
  const cell = (counts: Readonly<Record<Fidelity, number>>, fidelity: Fidelity): string => {
    const text = String(counts[fidelity]).padStart(fidelity.length + 2)
    return paint(counts[fidelity] === 0 ? 'dim' : STYLES[fidelity], text)
  }
  const row = (name: string, counts: Readonly<Record<Fidelity, number>>): string[] => [
    `  ${name}`,
    ...FIDELITIES.map((fidelity) => cell(counts, fidelity)),
  ]
  return columns([
    ['', ...FIDELITIES.map((fidelity) => `${MARKS[fidelity]} ${fidelity}`)],
    row('entities', entities),
    row('fields', fields),
  ])
}

function kindLine(kind: string, entities: readonly EntityFidelity[], paint: (style: 'bold' | 'green', text: string) => string): string {
  const exact = entities.filter(({ fidelity }) => fidelity === 'exact').length
  const said = `${exact} of ${entities.length} exact`
  return `${paint('bold', kind)}  ${exact === entities.length ? paint('green', `✔ ${said}`) : said}`
}

interface Difference {
  readonly fidelity: Fidelity
  readonly field: string
  readonly reason: string
  /** Of the entities, each with its line. */
  readonly names: string[]
}

/** What differs, once for all entities of a kind that it is the same for; the worst first. */
export function differences(entities: readonly EntityFidelity[]): readonly Difference[] {
  const found = new Map<string, Difference>()
  const add = (entity: EntityFidelity, { fidelity, field, reasons, line }: FieldFidelity): void => {
    for (const reason of reasons) {
      const key = `${fidelity} ${field} ${reason}`
      const known = found.get(key) ?? { fidelity, field, reason, names: [] }
      found.set(key, known)
      known.names.push(printable(`${entity.entity} (line ${line})`))
    }
  }
  for (const entity of entities) {
    add(entity, { field: '', fidelity: entity.fidelity, reasons: entity.reasons, line: entity.line })
    for (const field of entity.fields) add(entity, field)
  }
  return [...found.values()].toSorted((a, b) => Number(b.fidelity === 'unsupported') - Number(a.fidelity === 'unsupported'))
}

function namesOf(names: readonly string[]): string {
  const more = names.length - NAMED_MAX
  return more > 0 ? `${names.slice(0, NAMED_MAX).join(', ')} and ${more} more` : names.join(', ')
}

/** A text behind what stands before it, its further lines below its beginning. */
function hung(text: string, head: string, headChars: number, chars: number): string[] {
  // A long head leaves too little beside it.
  const isLong = headChars > chars / 2
  const indent = isLong ? 6 : headChars
  const lines = wrapped(text, chars - indent)
  if (isLong) return [head.trimEnd(), ...lines.map((line) => ' '.repeat(indent) + line)]
  return lines.map((line, index) => (index === 0 ? head : ' '.repeat(indent)) + line)
}
