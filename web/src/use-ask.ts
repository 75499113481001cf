import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ask } from './api.ts'
import type { Shape } from './shape.ts'

/** What an endpoint told, or why it did not. */
export interface Loaded<T> {
  readonly value: T | null
  readonly error: string
}

/** Asks when the path changes, and every `everyMs`; 0 for once. An empty path asks nothing. */
export function useAsk<T>(path: string, shape: Shape<T>, everyMs = 0): Loaded<T> {
  const state = useSignal<Loaded<T>>({ value: null, error: '' })
  useEffect(() => {
    let isOver = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const load = async (): Promise<void> => {
      try {
        const value = await ask(path, shape)
        if (!isOver) state.value = { value, error: '' }
      } catch (error) {
        if (!isOver) state.value = { value: state.value.value, error: error instanceof Error ? error.message : String(error) }
      }
      if (!isOver && everyMs > 0) timer = setTimeout(() => void load(), everyMs)
    }
    if (path !== '') void load()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [path, shape, everyMs])
  return state.value
}
