/** Where a user's record is. Used by the schema (to refuse) and by the policy (to fill in). */

const PLACEHOLDER = '{sub}'
const SUBJECT_LENGTH_MAX = 256
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that no name may have
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/** The text around the places where the name of a user stands. */
export interface UrlTemplate {
  readonly parts: readonly string[]
}

/** @returns the template, or what is wrong with the text in one sentence. */
export function parseUrlTemplate(text: string): UrlTemplate | { readonly problem: string } {
  const parts = text.split(PLACEHOLDER)
  if (parts.length < 2) return { problem: 'expected `{sub}` where the name of the user stands: `http://users.internal:9000/users/{sub}`' }
  if (!/^[\x21-\x7e]+$/.test(text) || /[{}\\]/.test(parts.join(''))) {
    return { problem: 'expected printable ASCII with no braces but `{sub}`: percent-encode other characters' }
  }
  // The name may only stand behind what says whom to ask: `/`, `?` or the end of these is where the authority ends (RFC 3986, 3.2).
  if (!/^https?:\/\/[^/?#@]+[/?]/i.test(parts[0] ?? '')) {
    return { problem: 'expected `http://` or `https://`, a host without credentials, and `{sub}` in the path or the query' }
  }
  if (text.includes('#')) return { problem: 'a fragment is never sent to a service' }
  if (!URL.canParse(parts.join('x'))) return { problem: 'expected a URL' }
  return { parts }
}

/**
 * The URL of a user's record. Null for a name that no user can have: it is one the user service could not be asked for as it is, since clients
 * and servers change such a path on its way (`.` and `..` are steps in it, RFC 3986, 5.2.4), or is beyond what names are.
 */
export function userUrl({ parts }: UrlTemplate, subject: string): string | null {
  return isName(subject) ? parts.join(encodeURIComponent(subject)) : null
}

function isName(subject: string): boolean {
  return (
    subject !== '' &&
    subject !== '.' &&
    subject !== '..' &&
    subject.length <= SUBJECT_LENGTH_MAX &&
    !CONTROL.test(subject) &&
    subject.isWellFormed()
  )
}
