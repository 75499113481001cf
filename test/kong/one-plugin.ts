/** A Kong file with one route, at `/`, and plugins on its service. */
export function withPlugins(plugins: string, { route = 'paths: [/]' } = {}): string {
  return `
_format_version: "3.0"
services:
  - name: shop
    url: http://ECHO
    routes:
      - name: all
        ${route}
    plugins:
${plugins.trim().replaceAll(/^(?=.)/gm, '      ')}
`
}

/** What tests look at of a record of an exchange. */
export interface LogRecord {
  readonly request: { readonly method: string; readonly uri: string; readonly headers: Readonly<Record<string, string>> }
  readonly response: { readonly status: number }
  readonly upstream_status: string
  readonly source: string
  readonly route: { readonly name: string }
  readonly service: { readonly name: string }
  readonly consumer: { readonly username: string }
  readonly correlation_id: string
  readonly tries: readonly { readonly port: number }[]
  readonly zone: string
}

/** Records from a text of JSON, one or a list of them. */
export function recordsOf(json: string): readonly LogRecord[] {
  const read = JSON.parse(json) as LogRecord | readonly LogRecord[]
  return 'request' in read ? [read] : read
}

/** Fields whose names are like this. */
export function fieldsLike(headers: Readonly<Record<string, string>>, pattern: RegExp): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => pattern.test(name)))
}
