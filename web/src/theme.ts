import { signal } from '@preact/signals'

const KEY = 'turnpike-theme'
const dark = matchMedia('(prefers-color-scheme: dark)')
const kept = localStorage.getItem(KEY)

export const theme = signal<'light' | 'dark'>(kept === 'light' || kept === 'dark' ? kept : dark.matches ? 'dark' : 'light')
document.documentElement.dataset['theme'] = theme.value

function use(value: 'light' | 'dark'): void {
  // Before the signal: charts read their colours from the style.
  document.documentElement.dataset['theme'] = value
  theme.value = value
}

/** As the system has it, until somebody chose. */
dark.addEventListener('change', () => {
  if (localStorage.getItem(KEY) === null) use(dark.matches ? 'dark' : 'light')
})

export function switchTheme(): void {
  use(theme.value === 'dark' ? 'light' : 'dark')
  localStorage.setItem(KEY, theme.value)
}
