/**
 * Loaded into the processes of a gateway by `--import`: SIGWINCH, which nothing else uses there, collects garbage and writes the live
 * heap in bytes as a line of the event log.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')

process.on('SIGWINCH', () => {
  if (typeof collect === 'function') collect()
  const { heapUsed, external } = process.memoryUsage()
  process.stderr.write(`${JSON.stringify({ message: 'heap probed', pid: process.pid, heapUsed, external })}\n`)
})
