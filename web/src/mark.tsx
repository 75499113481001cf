/** The sign of Turnpike: a bar across a road. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d="M3 17V5a2 2 0 0 1 4 0v12z" fill="currentColor" />
      <path d="M7 6.2 18 3.4v3.2L7 9.4z" fill="var(--accent)" />
      <path d="M10.2 5.4 12.4 4.8v3.2l-2.2.6zM14.4 4.3l2-.5V7l-2 .5z" fill="var(--card)" />
    </svg>
  )
}
