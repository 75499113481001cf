/**
 * `npm run example -- NAME`: the services of `examples/NAME`, and Turnpike in front of them with the configuration there. Ctrl-C or SIGTERM
 * stops everything. An example is a folder with `turnpike.yaml`, or `kong.yml`, and `example.ts`, which exports what {@link Example} says.
 */
import './node-guard.ts'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { fail, supervise, takenPort } from './supervise.ts'
import { paint } from './terminal.ts'

const EXAMPLES = join(import.meta.dirname, '..', 'examples')

interface Example {
  /** Starts the services; gives what stops them. */
  readonly startServices: () => Promise<() => void>
  /** Commands to try, each with what it shows. @param url where Turnpike listens */
  readonly commands: (url: string) => readonly (readonly [command: string, what: string])[]
}

const names = readdirSync(EXAMPLES).filter((name) => existsSync(join(EXAMPLES, name, 'example.ts')))
const name = process.argv[2] ?? ''
if (!names.includes(name)) fail(`Which example? ${names.map((known) => `npm run example -- ${known}`).join(', ')}`)

const { startServices, commands } = (await import(pathToFileURL(join(EXAMPLES, name, 'example.ts')).href)) as Example
const config = `examples/${name}/${existsSync(join(EXAMPLES, name, 'kong.yml')) ? 'kong.yml' : 'turnpike.yaml'}`

async function startServicesOrExit(): Promise<() => void> {
  try {
    return await startServices()
  } catch (error) {
    const port = takenPort(error)
    if (port === undefined) throw error
    return fail(`Port ${port} is taken, and the services of this example need it.`)
  }
}

function banner(url: string): string {
  const lines = commands(url).map(([command, what]) => `  ${paint('dim', `# ${what}`)}\n  ${command}`)
  return [
    '',
    `${paint('bold', 'Turnpike')} listens on ${paint(['bold', 'green'], url)}`,
    '',
    'Try',
    ...lines,
    '',
    paint('dim', `Configuration: ${config} (edit it while this runs). More: examples/${name}/README.md. Ctrl-C stops everything.`),
    '',
    '',
  ].join('\n')
}

await supervise({ config, watch: false, stopServices: await startServicesOrExit(), banner })
