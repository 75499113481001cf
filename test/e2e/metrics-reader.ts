import type { GatewayProcess } from './gateway-process.ts'

/** The numbers of `/metrics` at this moment. */
export class MetricsReading {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  static async of(gateway: GatewayProcess): Promise<MetricsReading> {
    return new MetricsReading(await (await fetch(`${gateway.adminUrl}/metrics`)).text())
  }

  /** Sum over the series of a metric that have all these labels, written `name="value"`. */
  sum(name: string, ...labels: readonly string[]): number {
    let sum = 0
    for (const line of this.#text.split('\n')) {
      const [, series, value] = /^(\S.*) (\S+)$/.exec(line) ?? []
      if (series === undefined || series.split('{')[0] !== name) continue
      if (labels.every((label) => series.includes(label))) sum += Number(value)
    }
    return sum
  }
}
