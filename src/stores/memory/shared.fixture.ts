/**
 * A worker of `shared-memory.test.ts`: `shared.fixture.ts PATH KEYS_MAX take TURNS` takes from limits as fast as it can and prints how
 * often it was admitted; `… die` ends while it holds the lock.
 */
import { systemClock } from '../../core/clock.ts'
import { MemoryLimits } from './limit-store.ts'
import { SharedMemory } from './memory.ts'
import { SHARED_KEYS, SHARED_RULES } from './shared-rules.fixture.ts'

const [path = '', keysMax = '', what = '', turns = ''] = process.argv.slice(2)
const memory = new SharedMemory({ path }, Number(keysMax), { added() {}, evicted() {}, lockStolen() {} })

if (what === 'die') {
  memory.lock?.acquire()
  process.kill(process.pid, 'SIGKILL')
}

const group = new MemoryLimits(memory, systemClock).group('shared', SHARED_RULES)
const admitted = new Array<number>(SHARED_KEYS).fill(0)
for (let i = 0; i < Number(turns); i++) {
  const key = i % SHARED_KEYS
  if (group.take([`bucket ${key}`, `fixed ${key}`, `sliding ${key}`], 1).admitted) admitted[key] = (admitted[key] ?? 0) + 1
}
process.stdout.write(JSON.stringify(admitted))
