/** Of `notYetValid` `not-yet-valid`. */
export function kebabCase(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
