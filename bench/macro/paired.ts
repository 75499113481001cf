/**
 * `node bench/macro/paired.ts [--before FOLDER] [--before-config 'decisions: false'] [--after FOLDER] [--after-config '…']`: what a request
 * costs two working trees, or one under two configurations, where the machine is busy with other things too.
 *
 * Both gateways run at the same time on core 0, and short bursts of load take them in turn (A B, B A, A B, …), so that whatever else goes on
 * meets both alike. Each round gives one ratio of CPU time a request; the median of all is told, with the quartiles around it. What the same
 * code costs differs by a few per cent from process to process, so `--starts` begins again with fresh ones.
 *
 * `--scenario` is one of `npm run bench` (keep-alive), `--rounds` are those of each start (20), `--seconds` the length of a burst (1), `--starts` 3.
 */
import '../../scripts/node-guard.ts'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { writeTlsFiles } from './front.ts'
import { ROOT, type Setup, turnpikeIn } from './proxies.ts'
import type { Figures, Scenario, Subject } from './scenario.ts'
import { scenarios } from './scenarios.ts'
import { onStage } from './stage.ts'
import { median, quartiles, startSubject } from './subject.ts'
import { startServices } from './upstream.ts'

/** Compilers and collectors have settled by then. */
const WARM_SECONDS = 5

const { values: options } = parseArgs({
  options: {
    before: { type: 'string', default: ROOT },
    after: { type: 'string', default: ROOT },
    'before-config': { type: 'string', default: '' },
    'after-config': { type: 'string', default: '' },
    scenario: { type: 'string', default: 'keep-alive' },
    rounds: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '1' },
    starts: { type: 'string', default: '3' },
  },
})

/** Figures of both in one round. */
interface Round {
  readonly before: Figures
  readonly after: Figures
}

async function measure(scenario: Scenario, before: Subject, after: Subject): Promise<Round[]> {
  const rounds: Round[] = []
  const seconds = Number(options.seconds)
  const cost = (subject: Subject): Promise<Figures> => scenario.measure(subject, seconds)
  while (rounds.length < Number(options.rounds)) {
    if (rounds.length % 2 === 0) rounds.push({ before: await cost(before), after: await cost(after) })
    else {
      const second = await cost(after)
      rounds.push({ before: await cost(before), after: second })
    }
  }
  return rounds
}

function render(name: string, rounds: readonly Round[]): string {
  const [low, high] = quartiles(rounds.map(({ before, after }) => (after['cpuUs'] ?? 0) / (before['cpuUs'] ?? 0)))
  const ratio = median(rounds.map(({ before, after }) => (after['cpuUs'] ?? 0) / (before['cpuUs'] ?? 0)))
  const of = (side: keyof Round, figure: string): string => median(rounds.map((round) => round[side][figure] ?? 0)).toFixed(2)
  const costs = (side: keyof Round): string => `${of(side, 'cpuUs')} (user ${of(side, 'userUs')}, system ${of(side, 'systemUs')})`
  const spread = `${ratio.toFixed(3)} (quartiles ${low.toFixed(3)} to ${high.toFixed(3)}, ${rounds.length} rounds)`
  return `${name}: after / before ${spread}; CPU us a request ${costs('before')} before, ${costs('after')} after\n`
}

async function compare(scenario: Scenario, folder: string, base: Omit<Setup, 'folder'>): Promise<void> {
  const all: Round[] = []
  for (let start = 1; start <= Number(options.starts); start += 1) {
    const sideOf = (root: string, lines: string, side: string): ReturnType<typeof startSubject> =>
      startSubject(turnpikeIn(resolve(root), lines), { ...base, folder: join(folder, `${side}-${start}`) })
    const before = await sideOf(options.before, options['before-config'], 'before')
    const after = await sideOf(options.after, options['after-config'], 'after')
    for (const { subject } of [before, after]) {
      await scenario.check?.(subject)
      await scenario.measure(subject, WARM_SECONDS)
    }
    const rounds = await measure(scenario, before.subject, after.subject)
    await Promise.all([before.stop(), after.stop()])
    process.stdout.write(render(`${scenario.name}, start ${start}`, rounds))
    all.push(...rounds)
  }
  process.stdout.write(render(`${scenario.name}, all`, all))
}

await onStage('paired', async (folder) => {
  const scenario = scenarios(folder).find(({ name, fresh, needs }) => name === options.scenario && !fresh && needs.chain !== 'redis')
  if (scenario === undefined) throw new Error(`there is no scenario ${options.scenario} of a load without Redis`)
  const base = { ...scenario.needs, services: await startServices(folder), tlsFiles: writeTlsFiles(folder), redisPort: null }
  await compare(scenario, folder, base)
})
