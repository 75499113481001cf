import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { ask, reasonOf } from './api.ts'
import { recoveries } from './live.ts'
import type { Shape } from './shape.ts'

/** What an endpoint told, or why it did not; both when what was told before may be old. */
export interface Loaded<T> {
  readonly value: T | null
  readonly error: string
}

/** Of the time, at most one part in so many is spent on asking. */
const REST_FACTOR = 10

/**
 * Asks when the path changes, when the gateway has come back, and every `everyMs` while the tab is seen; 0 for once. An empty path asks
 * nothing.
 * @param shape must stay the same one, as it does when it is made outside of the component
 */
export function useAsk<T>(path: string, shape: Shape<T>, everyMs = 0): Loaded<T> & { readonly reload: () => void } {
  const state = useSignal<Loaded<T>>({ value: null, error: '' })
  const shownPath = useRef('')
  const turn = useSignal(0)
  useEffect(() => {
    if (path === '') return undefined
    let isOver = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const load = async (): Promise<void> => {
      const began = performance.now()
      try {
        // Nothing is drawn where nobody looks.
        if (!document.hidden || everyMs === 0) {
          const value = await ask(path, shape)
          if (!isOver) state.value = { value, error: '' }
        }
      } catch (error) {
        if (!isOver) state.value = { value: state.value.value, error: reasonOf(error) }
      }
      const restMs = Math.max(everyMs, REST_FACTOR * (performance.now() - began))
      if (!isOver && everyMs > 0) timer = setTimeout(() => void load(), restMs)
    }
    // What another path told is not what this one will.
    if (shownPath.current !== path) state.value = { value: null, error: '' }
    shownPath.current = path
    void load()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [path, shape, everyMs, turn.value, recoveries.value])
  return { ...state.value, reload: () => void turn.value++ }
}
