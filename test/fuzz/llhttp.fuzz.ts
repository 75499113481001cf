/**
 * `npm run fuzz [-- --inputs N --seed S --from I]`: our parsers against llhttp, Node's own.
 *
 * What both accept must mean the same; what we accept and llhttp refuses is a bug, but for the few cases listed in compare.ts. Every
 * input has a number: `--from I --inputs 1` with the printed seed runs one again.
 */
import { randomInt } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { onParentGone } from '../../scripts/parent.ts'
import { duration, LiveLine, paint } from '../../scripts/terminal.ts'
import { Differential } from './differential.ts'

const INPUTS_DEFAULT = 1_000_000
/** After so many findings the rest would only be more of the same. */
const FINDINGS_MAX = 10
/** Inputs between two looks at the clock. */
const BATCH = 20_000

const { values } = parseArgs({ options: { inputs: { type: 'string' }, seed: { type: 'string' }, from: { type: 'string' } } })

function integer(name: string, text: string | undefined, preset: number): number {
  if (text === undefined) return preset
  const value = Number(text.replaceAll('_', ''))
  if (Number.isSafeInteger(value) && value >= 0) return value
  process.stderr.write(`--${name} takes a whole number, not ${JSON.stringify(text)}\n`)
  process.exit(2)
}

const inputs = integer('inputs', values.inputs, INPUTS_DEFAULT)
const seed = integer('seed', values.seed, randomInt(2 ** 31))
const from = integer('from', values.from, 0)
onParentGone(() => process.exit(1))
const differential = new Differential(seed)
const line = new LiveLine()
const startedAt = performance.now()
let findings = 0
let done = 0

/** Runs up to `BATCH` inputs more. */
function runBatch(): void {
  for (const stop = Math.min(inputs, done + BATCH); done < stop && findings < FINDINGS_MAX; done++) {
    const finding = differential.run(from + done)
    if (finding === null) continue
    findings++
    line.print(`${paint('red', '✖')} input ${finding.index} of seed ${seed}: ${finding.sentence}\n  ${finding.input}`)
  }
}

line.print(`llhttp ${process.versions['llhttp'] ?? ''}: ${inputs} inputs, --seed ${seed}${from === 0 ? '' : ` --from ${from}`}`)
while (done < inputs && findings < FINDINGS_MAX) {
  runBatch()
  // For signals, and for the timer of the line.
  await setImmediate()
  const seconds = (performance.now() - startedAt) / 1000
  const left = ((inputs - done) / done) * seconds * 1000
  line.show(`${done} of ${inputs} · ${Math.round(done / seconds)} a second · ${duration(left)} left`)
}
line.end()
const { accepted, refused } = differential.tally
process.stdout.write(
  `${findings === 0 ? paint('green', '✔') : paint('red', '✖')} ${done} inputs in ${duration(performance.now() - startedAt)}: ` +
    `${accepted} with an accepted message, ${refused} refused, ${findings} findings\n`,
)
process.exitCode = findings === 0 ? 0 : 1
