/** The program. What it is made of is loaded once the compile cache is on, which makes a start three times as quick. */
import { enableOwnCompileCache } from './cli/compile-cache.ts'

enableOwnCompileCache(process.env)
const { runCommandLine } = await import('./cli/command-line.ts')
// The status is set and the process left to end by itself: `process.exit` would cut off what is still being written to a pipe.
process.exitCode = await runCommandLine(process.argv.slice(2))
