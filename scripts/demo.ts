/**
 * `npm start`: three demo services and Turnpike in front of them. `--watch` (`npm run dev`) starts Turnpike again when its source
 * changes. Ctrl-C or SIGTERM stops everything.
 */
import './node-guard.ts'
import { join } from 'node:path'
import { IDENTITY_PORT, issueToken } from '../examples/quickstart/identity.ts'
import { SERVICES, startServices } from '../examples/quickstart/services.ts'
import { runtimeFolder } from '../src/cli/runtime-folder.ts'
import { fail, supervise, takenPort } from './supervise.ts'
import { paint, table } from './terminal.ts'

const CONFIG = 'examples/quickstart/turnpike.yaml'
const ADMIN = 'http://127.0.0.1:9901'

async function startServicesOrExit(): Promise<() => void> {
  try {
    return await startServices()
  } catch (error) {
    const port = takenPort(error)
    if (port === undefined) throw error
    return fail(
      `Port ${port} is taken, and the demo's services need ${[...SERVICES.map((service) => service.port), IDENTITY_PORT].join(', ')}.`,
    )
  }
}

/** @param url where Turnpike listens, from its ready line */
function banner(url: string): string {
  const routes = SERVICES.map(({ name, port }) => [
    `  ${paint('cyan', `/api/v1/${name}/*`)}`,
    paint('dim', '→'),
    name,
    paint('dim', `127.0.0.1:${port}`),
  ])
  const curls = [
    [`curl -i ${url}/api/v1/users/1`, 'a user; again: from the cache'],
    [`curl -i ${url}/api/v1/orders`, 'with its headers'],
    [`curl -i ${url}/nowhere`, 'no route: refused with its cause'],
  ]
  const failing = [[`for i in $(seq 4); do curl -s ${url}/api/v1/orders/down; done`, 'its breaker opens meanwhile, for 10 s: circuit_open']]
  const payments = `-H "Authorization: Bearer $TOKEN" ${url}/api/v1/payments`
  const guarded = [
    [`curl -i ${url}/api/v1/payments`, 'no token: 401'],
    [`curl -i ${payments}`, 'with one: 200'],
    [`curl -i -X POST ${payments}`, 'ada may read payments only: 403'],
    [`for i in $(seq 8); do curl -s -o /dev/null -w '%{http_code} ' ${payments}; done`, 'five at once, then 429'],
  ]
  return [
    '',
    `${paint('bold', 'Turnpike')} listens on ${paint(['bold', 'green'], url)}, its admin side on ${ADMIN}`,
    '',
    table(routes),
    '',
    'Try',
    list(curls),
    '',
    'A service that fails: a fallback answers',
    list(failing),
    '',
    'A protected route, with a token for the user ada',
    `  export TOKEN=${issueToken('ada')}`,
    '',
    list(guarded),
    '',
    'What happened, and why',
    list([
      [`cat ${join(runtimeFolder(process.env), 'admin-9901.token')}`, `the token for the dashboard, ${ADMIN}/`],
      ['bin/turnpike why REQUEST-ID', 'with the X-Request-ID of any answer above'],
    ]),
    '',
    paint('dim', `Configuration: ${CONFIG} (edit it while this runs). Ctrl-C stops everything.`),
    '',
    '',
  ].join('\n')
}

/** Commands, each with what it shows beside it, or above it where it is long. */
function list(commands: readonly (readonly string[])[]): string {
  const short = commands.every(([command = '']) => command.length < 60)
  if (short) return table(commands.map(([command = '', what = '']) => [`  ${command}`, paint('dim', `# ${what}`)]))
  return commands.map(([command = '', what = '']) => `  ${paint('dim', `# ${what}`)}\n  ${command}`).join('\n')
}

await supervise({ config: CONFIG, watch: process.argv.includes('--watch'), stopServices: await startServicesOrExit(), banner })
