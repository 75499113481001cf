/** HTTP/2 in front of a service that speaks HTTP/1.1. */
import type { Front } from './front.ts'
import { costOf, h2load } from './load.ts'
import { BARE, PEERS, type Scenario } from './scenario.ts'
import { SMALL_BYTES } from './upstream.ts'

function http2(name: string, says: string, front: Front): Scenario {
  const request = { path: '/', answerBytes: SMALL_BYTES }
  return {
    name,
    says,
    needs: { ...BARE, front },
    only: PEERS,
    programs: ['h2load'],
    fresh: false,
    measure: (subject, seconds) => costOf(subject, () => h2load(front, subject.port, request, seconds)),
  }
}

export const HTTP2: readonly Scenario[] = [
  http2('h2', 'HTTP/2 over TLS, the same head every time on 16 connections with 4 streams each, 115-byte answers', 'tls'),
  http2('h2c', 'the same without TLS', 'h2c'),
]
