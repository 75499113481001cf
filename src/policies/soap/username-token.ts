/** WS-Security UsernameToken (OASIS, Web Services Security UsernameToken Profile 1.1). */
import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import type { SoapOptions } from './options.ts'
import { escapeText } from './xml-text.ts'

const WSSE = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'
const WSU = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd'
const PROFILE = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0'
const BASE64 = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary'
const NONCE_BYTES = 16

/** Makes the header block of a call. A digest holds for one call: its nonce and time are new each time (3.1). */
export function usernameToken({ username, password, type }: NonNullable<SoapOptions['usernameToken']>): (clock: Clock) => string {
  const name = `<wsse:Username>${escapeText(username)}</wsse:Username>`
  const wrap = (content: string): string =>
    `<wsse:Security xmlns:wsse="${WSSE}" xmlns:wsu="${WSU}" soap:mustUnderstand="1"><wsse:UsernameToken>${name}${content}</wsse:UsernameToken></wsse:Security>`
  if (type === 'text') {
    const block = wrap(`<wsse:Password Type="${PROFILE}#PasswordText">${escapeText(password)}</wsse:Password>`)
    return () => block
  }
  return (clock) => {
    const nonce = randomBytes(NONCE_BYTES)
    const created = new Date(clock.epochMs()).toISOString()
    const digest = createHash('sha1').update(nonce).update(created).update(password).digest('base64')
    return wrap(
      `<wsse:Password Type="${PROFILE}#PasswordDigest">${digest}</wsse:Password>` +
        `<wsse:Nonce EncodingType="${BASE64}">${nonce.toString('base64')}</wsse:Nonce><wsu:Created>${created}</wsu:Created>`,
    )
  }
}
