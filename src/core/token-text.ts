/** What stands in records and logs in place of what nobody may read there. */
export const HIDDEN = '***'

/** A JSON Web Token (RFC 7519) begins with a JSON object in base64url: `{"` is `eyJ`. */
const JWT = /eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g

/** A text as it may be told, without the JSON Web Tokens in it. The links of mails and of some clients have one in their path. */
export function withoutTokens(text: string): string {
  return text.includes('eyJ') ? text.replaceAll(JWT, HIDDEN) : text
}
