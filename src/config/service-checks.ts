import { formatDuration } from '../core/schema.ts'
import type { Problem } from './diagnostics.ts'
import type { GatewayIr, ServiceIr } from './ir.ts'
import { type ConfigNode, type ConfigPath, locate, nodeAt } from './tree.ts'

/** What a check that only connects has no use for. */
const HTTP_ONLY = ['path', 'host', 'headers', 'statuses', 'body'] as const

/** Warns of settings of services that are allowed by the schema and do nothing, or not what they seem to. */
export function checkServices({ services }: GatewayIr, tree: ConfigNode, problems: Problem[]): void {
  for (const service of services) {
    for (const { path, message } of remarksOf(service, (...keys) => nodeAt(tree, ['services', service.name, ...keys]) !== null)) {
      problems.push({ severity: 'warning', location: locate(tree, ['services', service.name, ...path], 'key'), message })
    }
  }
}

function* remarksOf(
  { health, balancer, concurrency }: ServiceIr,
  isWritten: (...keys: ConfigPath) => boolean,
): Generator<{ readonly path: ConfigPath; readonly message: string }> {
  const { active, passive, slowStartMs } = health
  if (active?.kind === 'tcp') {
    for (const key of HTTP_ONLY) {
      if (isWritten('health', 'active', key))
        yield { path: ['health', 'active', key], message: 'a check of `kind: tcp` only connects: this does nothing' }
    }
  }
  if (passive !== null && passive.ejectionMs > passive.ejectionMaxMs)
    yield {
      path: ['health', 'passive', 'ejection'],
      message: `longer than \`ejectionMax\`: a target is ejected for ${formatDuration(passive.ejectionMaxMs)}`,
    }
  if (slowStartMs > 0) {
    const path = ['health', 'slowStart']
    if (active === null && passive === null)
      yield { path, message: 'without `active` or `passive` no target comes back: this does nothing' }
    else if (balancer.kind === 'consistent-hash')
      yield { path, message: 'with `consistent-hash` there is no slow start: this does nothing' }
  }
  if (concurrency?.queue === 0 && isWritten('concurrency', 'queueTimeout'))
    yield { path: ['concurrency', 'queueTimeout'], message: 'without `queue` nobody waits: this does nothing' }
}
