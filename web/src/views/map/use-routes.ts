import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask, reasonOf } from '../../api.ts'
import { recoveries, traffic } from '../../live.ts'
import type { Shaped } from '../../shape.ts'
import type { Loaded } from '../../use-ask.ts'
import { type Route, routesShape } from './shapes.ts'

/** Of one answer; what the endpoint gives at most. */
const PAGE = 1_000
/** That are kept in the page. */
export const ROUTES_MAX = 20_000
const TYPING_MS = 150

/** All routes that fit a text, page by page, from the gateway itself; what has come is shown at once. Asked for anew with another configuration. */
export function useRoutes(wanted: string): Loaded<Shaped<typeof routesShape>> {
  const state = useSignal<Loaded<Shaped<typeof routesShape>>>({ value: null, error: '' })
  const revision = traffic.value?.config.runningRevision ?? ''
  useEffect(() => {
    let isOver = false
    const load = async (): Promise<void> => {
      const routes: Route[] = []
      try {
        for (;;) {
          const page = await ask(`/routes?limit=${PAGE}&offset=${routes.length}&text=${encodeURIComponent(wanted)}`, routesShape)
          if (isOver) return
          routes.push(...page.routes)
          state.value = { value: { total: page.total, routes: [...routes] }, error: '' }
          if (page.routes.length === 0 || routes.length >= Math.min(page.total, ROUTES_MAX)) return
        }
      } catch (error) {
        if (!isOver) state.value = { ...state.value, error: reasonOf(error) }
      }
    }
    // Not for each letter.
    const timer = setTimeout(() => void load(), wanted === '' ? 0 : TYPING_MS)
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [wanted, revision, recoveries.value])
  return state.value
}
