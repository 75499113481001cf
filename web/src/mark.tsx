/** The sign of Turnpike: a bar across a road. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <rect x="2" y="5" width="4" height="13" rx="1.5" fill="currentColor" />
      <path d="M5 8.500 18 4.500" stroke="var(--accent)" stroke-width="3.500" stroke-linecap="round" />
      <rect x="1" y="16.500" width="8" height="2" rx="1" fill="currentColor" />
    </svg>
  )
}
