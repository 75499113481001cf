/** `start-with.ts WORKER FILE…`: `turnpike start FILE…` with another program in place of the workers. */
import { startCommand } from '../../src/cli/start.ts'

const [workerFile, ...files] = process.argv.slice(2)
process.exitCode = await startCommand(files, workerFile === undefined ? {} : { workerFile })
