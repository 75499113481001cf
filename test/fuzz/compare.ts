/** What two readings of the same bytes must agree in. */

import { METHODS } from 'node:http'
import { knownNameId } from '../../src/core/header-names.ts'
import type { Message, Outcome } from './outcome.ts'

/**
 * What llhttp refuses although the RFCs allow it, and we accept it therefore. Everything else that we accept and llhttp refuses is a
 * bug of ours. Each with its reason.
 */
const STRICTER_IN_LLHTTP: readonly { readonly fault: RegExp; readonly applies: (our: Message) => boolean; readonly reason: string }[] = [
  {
    fault: /^HPE_INVALID_METHOD/,
    applies: ({ subject }) => !METHODS.includes(subject),
    reason: 'llhttp knows a list of methods; RFC 9110, 9.1 lets a method be any token, and a gateway hands on those it does not know.',
  },
]

/**
 * Compares our reading with llhttp's.
 * @returns in a sentence what is wrong, or null
 */
export function compareWithLlhttp(ours: Outcome, theirs: Outcome): string | null {
  for (const [i, our] of ours.messages.entries()) {
    const their = theirs.messages[i]
    const which = `message ${i + 1}`
    if (their === undefined) {
      if (theirs.fault === null) return `${which}: we read one where llhttp waits for more`
      return isKnown(theirs.fault, our) ? null : `${which}: we accept a head that llhttp refuses (${theirs.fault})`
    }
    const difference = compareHeads(our, their)
    if (difference !== null) return `${which}: ${difference}`
    // Bytes behind a switch of protocols are not HTTP, and llhttp looks at no more of them.
    if (their.upgrade && !our.upgrade && our.complete) return null
    if (our.complete !== their.complete) {
      if (our.complete) {
        if (theirs.fault === null) return `${which}: it is complete for us, and llhttp waits for more`
        return isKnown(theirs.fault, our) ? null : `${which}: we accept a body that llhttp refuses (${theirs.fault})`
      }
      if (ours.fault === null) return `${which}: it is complete for llhttp, and we wait for more`
    }
    if (our.complete && their.complete) {
      if (our.body !== their.body) return `${which}: bodies differ`
      // We drop trailers that the gateway gives a meaning to.
      const kept = their.trailers.filter((_, index, all) => !isKnownName(all[index & ~1] ?? ''))
      if (!sameTexts(our.trailers, kept)) return `${which}: trailers differ`
      if (!our.upgrade && their.keepAlive !== null && our.keepAlive !== their.keepAlive && !saysClose(our))
        return `${which}: keep-alive differs`
    } else if (!their.body.startsWith(our.body) && !(theirs.fault === null && our.body.startsWith(their.body))) {
      return isKnown(theirs.fault ?? '', our) ? null : `${which}: we gave bytes of the body on that llhttp did not`
    }
  }
  const more = theirs.messages.length - ours.messages.length
  if (more > 0 && ours.fault === null && !ours.closed) return 'llhttp reads a message where we wait for more'
  return null
}

function isKnown(fault: string, our: Message): boolean {
  return STRICTER_IN_LLHTTP.some((known) => known.fault.test(fault) && known.applies(our))
}

/** RFC 9112, 9.3: `close` decides, whatever stands beside it. For llhttp and HTTP/1.0 a `keep-alive` does. */
function saysClose({ fields, keepAlive }: Message): boolean {
  if (keepAlive !== false) return false
  return fields.some((value, i) => i % 2 === 1 && fields[i - 1] === 'connection' && /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(value))
}

function isKnownName(name: string): boolean {
  return knownNameId(Buffer.from(name, 'latin1'), 0, name.length) !== 0
}

function compareHeads(our: Message, their: Message): string | null {
  if (our.subject !== their.subject) return `${our.subject} for us is ${their.subject} for llhttp`
  if (our.target !== their.target) return 'targets differ'
  if (our.minorVersion !== their.minorVersion) return 'versions differ'
  if (!sameTexts(our.fields, their.fields)) return 'fields differ'
  if (our.upgrade && !their.upgrade) return 'an upgrade for us is none for llhttp'
  return null
}

/**
 * Compares what came as a whole with the same in pieces.
 * @param forwarded the fields of each whole message that are left to forward
 * @returns in a sentence what is wrong, or null
 */
export function comparePieces(whole: Outcome, forwarded: readonly (readonly string[])[], pieces: Outcome): string | null {
  if (whole.fault !== (pieces.fault ?? (whole.fault === null ? null : pieces.pending)))
    return `in pieces: ${pieces.fault ?? 'accepted'}, as a whole: ${whole.fault ?? 'accepted'}`
  if (whole.messages.length !== pieces.messages.length) return 'in pieces: another number of messages'
  for (const [i, one] of whole.messages.entries()) {
    const other = pieces.messages[i]
    if (
      other === undefined ||
      one.subject !== other.subject ||
      one.target !== other.target ||
      one.minorVersion !== other.minorVersion ||
      one.keepAlive !== other.keepAlive ||
      one.upgrade !== other.upgrade ||
      one.body !== other.body ||
      one.complete !== other.complete ||
      !sameTexts(one.trailers, other.trailers) ||
      !sameTexts(forwarded[i] ?? [], other.fields)
    ) {
      return `in pieces: message ${i + 1} differs`
    }
  }
  return null
}

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false
  return true
}
