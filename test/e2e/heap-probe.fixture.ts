/**
 * Loaded into the processes of a gateway by `--import`: SIGWINCH, which nothing else uses there, collects garbage and writes the live
 * heap in bytes as a line of the event log.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')

process.on('SIGWINCH', () => {
  runInNewContext('gc()')
  const { heapUsed, external } = process.memoryUsage()
  process.stderr.write(`${JSON.stringify({ message: 'heap probed', pid: process.pid, heapUsed, external })}\n`)
})
