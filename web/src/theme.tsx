import { signal } from '@preact/signals'

const KEY = 'turnpike-theme'
const dark = matchMedia('(prefers-color-scheme: dark)')
const kept = localStorage.getItem(KEY)

export const theme = signal<'light' | 'dark'>(kept === 'light' || kept === 'dark' ? kept : systemTheme())
document.documentElement.dataset['theme'] = theme.value

function systemTheme(): 'light' | 'dark' {
  return dark.matches ? 'dark' : 'light'
}

function use(value: 'light' | 'dark'): void {
  // Before the signal: charts read their colours from the style.
  document.documentElement.dataset['theme'] = value
  theme.value = value
}

// As the system has it, until somebody chose.
dark.addEventListener('change', () => {
  if (localStorage.getItem(KEY) === null) use(systemTheme())
})

function switchTheme(): void {
  use(theme.value === 'dark' ? 'light' : 'dark')
  // Who has come back to what the system has follows it again.
  if (theme.value === systemTheme()) localStorage.removeItem(KEY)
  else localStorage.setItem(KEY, theme.value)
}

export function ThemeSwitch() {
  const other = theme.value === 'dark' ? 'light' : 'dark'
  return (
    <button
      type="button"
      class="quiet"
      onClick={switchTheme}
      aria-label={`Switch to ${other} colours`}
      title={`Switch to ${other} colours`}
    >
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
        {other === 'dark' ? (
          <path d="M6.2 1.6a6.6 6.6 0 1 0 8.2 8.2A5.6 5.6 0 0 1 6.2 1.6z" fill="currentColor" />
        ) : (
          <path
            d="M8 4.6a3.4 3.4 0 1 1 0 6.8 3.4 3.4 0 0 1 0-6.8zM8 .8v2M8 13.200v2M.8 8h2M13.200 8h2M2.900 2.900l1.400 1.400M11.700 11.700l1.400 1.400M2.900 13.100l1.400-1.400M11.700 4.300l1.400-1.400"
            fill="none"
            stroke="currentColor"
            stroke-width="1.500"
            stroke-linecap="round"
          />
        )}
      </svg>
    </button>
  )
}
