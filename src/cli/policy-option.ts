/** A member of options whose type is their policy's own. */
export function optionAt(options: unknown, name: string): unknown {
  return typeof options === 'object' && options !== null ? Object.entries(options).find(([key]) => key === name)?.[1] : undefined
}
