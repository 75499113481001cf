/** One of several processes that take from the same limits: `accuracy.fixture.ts PORT SECONDS`. Prints what it was given. */
import { systemClock } from '../../src/core/clock.ts'
import { RedisLimits } from '../../src/stores/redis/limits.ts'
import { LOGGING_SCRIPTS, PLACE, RULES } from './accuracy.ts'
import { openConnection } from './open.ts'

const USERS = 8
const BURST_MAX = 40
const PAUSE_MAX_MS = 25

const [port = '', seconds = ''] = process.argv.slice(2)
const { connection } = openConnection({ after: () => undefined }, [Number(port)], { keyPrefix: '' })
const group = new RedisLimits(connection, '', systemClock, LOGGING_SCRIPTS).group(PLACE, RULES)
const admitted: Record<string, number> = {}
let takes = 0

async function take(keys: readonly string[]): Promise<void> {
  takes++
  const decision = await group.take(keys, 1)
  if (decision.admitted) admitted[keys.join(' ')] = (admitted[keys.join(' ')] ?? 0) + 1
}

const endAt = performance.now() + Number(seconds) * 1000
while (performance.now() < endAt) {
  const user = Math.floor(Math.random() * USERS)
  const keys = [`user-${user}`, `ip-${user % 3}`, 'all']
  const burst = 1 + Math.floor(Math.random() * BURST_MAX)
  await Promise.all(Array.from({ length: burst }, () => take(keys)))
  await new Promise((resolve) => setTimeout(resolve, Math.random() * PAUSE_MAX_MS))
}
process.stdout.write(JSON.stringify({ takes, admitted }))
process.exit()
