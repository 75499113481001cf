import type { Discover, DiscoveryContext, DiscoveryEvents, DiscoveryRule, DiscoveryWatch, LookupState } from '../core/discovery.ts'

/** Begins to watch what a rule says. What speaks to a registry is loaded when the first rule needs it. */
export const discover: Discover = (rule, context, events) => {
  const opening = new OpeningWatch()
  void open(rule, context, events).then(
    (watch) => opening.use(watch),
    (error: unknown) => events.onDegraded(error instanceof Error ? error.message : String(error)),
  )
  return opening
}

async function open(rule: DiscoveryRule, context: DiscoveryContext, events: DiscoveryEvents): Promise<DiscoveryWatch> {
  switch (rule.kind) {
    case 'consul':
      return (await import('./consul/watch.ts')).watchConsul(rule, context, events)
    case 'kubernetes':
      return (await import('./kubernetes/watch.ts')).watchKubernetes(rule, context, events)
    case 'dns':
      return (await import('./dns/watch.ts')).watchDns(rule, context, events)
  }
}

/** Stands for a watch whose code is still being loaded. */
class OpeningWatch implements DiscoveryWatch {
  #watch: DiscoveryWatch | null = null
  #isClosed = false

  use(watch: DiscoveryWatch): void {
    this.#watch = watch
    if (this.#isClosed) watch.close()
  }

  refresh(): void {
    this.#watch?.refresh()
  }

  lookups(): readonly LookupState[] {
    return this.#watch?.lookups?.() ?? []
  }

  close(): void {
    this.#isClosed = true
    this.#watch?.close()
  }
}
