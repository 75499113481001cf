import type { Headers } from '../../core/headers.ts'
import { answer, type Reply } from '../../core/reply.ts'
import type { StoredResponse } from '../../core/response-store.ts'
import { isNotModified, rangeOf } from './conditional.ts'
import { ageOf } from './demands.ts'
import { notModifiedHead } from './stored-head.ts'

/** Answers that were made of a stored response; the whole one is the same for all who ask within one second. */
class Answers {
  ageSeconds = -1
  ttlSeconds = 0
  whole: Reply | null = null
  notModified: Headers | null = null
}

/** What Cache-Status calls us (RFC 9211, 2). */
export const CACHE_NAME = 'turnpike'

/** @param nowMs since 1970. Asked for once a second by most: what it makes is kept with the response. */
export function wholeAnswer(stored: StoredResponse, nowMs: number): Reply {
  const answers = answersOf(stored)
  const ageMs = ageOf(stored, nowMs)
  const ageSeconds = Math.floor(ageMs / 1000)
  const ttlSeconds = Math.floor((stored.lifetimeMs - ageMs) / 1000)
  if (answers.whole !== null && answers.ageSeconds === ageSeconds && answers.ttlSeconds === ttlSeconds) return answers.whole
  const reply = madeOf(stored.head, stored.status, stored.body, ageSeconds, `${CACHE_NAME}; hit; ttl=${ttlSeconds}`)
  answers.ageSeconds = ageSeconds
  answers.ttlSeconds = ttlSeconds
  answers.whole = reply
  return reply
}

/**
 * The answer to a request that may be conditional or ask for a part (RFC 9111, 4.3.2; RFC 9110, 13.2.2 has conditions come first).
 * @param cacheStatus null for that of a hit
 */
export function answerFrom(stored: StoredResponse, request: Headers, method: string, nowMs: number, cacheStatus: string | null): Reply {
  const ageMs = ageOf(stored, nowMs)
  const age = Math.floor(ageMs / 1000)
  const status = cacheStatus ?? `${CACHE_NAME}; hit; ttl=${Math.floor((stored.lifetimeMs - ageMs) / 1000)}`
  if (isNotModified(request, stored)) {
    const answers = answersOf(stored)
    answers.notModified ??= notModifiedHead(stored.head)
    return madeOf(answers.notModified, 304, EMPTY, age, status)
  }
  // RFC 9110, 14.2: Range means nothing but for GET.
  const range = method === 'GET' ? rangeOf(request, stored) : null
  if (range === 'unsatisfiable')
    return answer(416, [
      ['Content-Range', `bytes */${stored.body.length}`],
      ['Cache-Status', status],
    ])
  if (range !== null) {
    const part = stored.body.subarray(range.start, range.end)
    const reply = madeOf(stored.head, 206, part, age, status)
    return { ...reply, headers: [['Content-Range', `bytes ${range.start}-${range.end - 1}/${stored.body.length}`], ...reply.headers] }
  }
  return cacheStatus === null ? wholeAnswer(stored, nowMs) : madeOf(stored.head, stored.status, stored.body, age, status)
}

const EMPTY = Buffer.alloc(0)

function madeOf(head: Headers, status: number, body: Buffer, age: number, cacheStatus: string): Reply {
  return {
    status,
    head,
    headers: [
      ['Age', String(age)],
      ['Cache-Status', cacheStatus],
    ],
    body,
    code: null,
    detail: null,
  }
}

function answersOf(stored: StoredResponse): Answers {
  if (stored.memo instanceof Answers) return stored.memo
  const answers = new Answers()
  stored.memo = answers
  return answers
}
