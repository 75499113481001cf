import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const DEPLOY = join(import.meta.dirname, '../../deploy')

/** The names of families in a text of Prometheus' exposition format. */
export function exposedNames(exposition: string): Set<string> {
  return new Set([...exposition.matchAll(/^# TYPE (\w+) /gm)].map(([, name = '']) => name))
}

/** The families that the dashboard and the alert rules ask for, without what is added to those of histograms. */
export function askedNames(): Set<string> {
  const text = ['grafana/turnpike.json', 'prometheus/turnpike.rules.yml'].map((file) => readFileSync(join(DEPLOY, file), 'utf8')).join('\n')
  return new Set([...text.matchAll(/\bgateway_\w+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, '')))
}
