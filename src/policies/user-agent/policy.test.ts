import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicy, exchangeOf, onRequest, problemsOf } from '../testing.ts'
import { userAgent } from './policy.ts'

/** The code of the refusal of a program that calls itself so, or `passes`. */
async function fate(options: unknown, ...agents: string[]): Promise<string> {
  const steps = await compilePolicy(userAgent, options)
  const headers = agents.map((agent) => ['User-Agent', agent] as const)
  const verdict = onRequest(steps, exchangeOf({ headers }))
  assert.deepEqual(onRequest(steps, exchangeOf({ headers })), verdict, 'the same again')
  return verdict?.code ?? 'passes'
}

test('crawlers and libraries are refused, browsers and tools of people pass', async () => {
  const programs = [
    'Googlebot/2.1 (+http://www.google.com/bot.html)',
    'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)',
    'Twitterbot/1.0',
    'facebookexternalhit/1.1',
    'axios/1.7.2',
    'okhttp/4.9.0',
    'Go-http-client/1.1',
    'Python-urllib/3.12',
    'Apache-HttpClient/4.5 (Java/17)',
    'Baiduspider',
    'Scrapy/2.11 (+https://scrapy.org)',
    'MyCrawler/1.0',
  ]
  for (const agent of programs) assert.equal(await fate({}, agent), 'user_agent_denied', agent)
  const people = [
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
    'Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36',
    'curl/8.5.0',
    'node',
    '',
  ]
  for (const agent of people) assert.equal(await fate({}, agent), 'passes', agent)
})

test('`allow` beats `deny`, which beats what is known', async () => {
  const options = { allow: ['^Googlebot/2'], deny: ['Googlebot', '^curl'] }
  assert.equal(await fate(options, 'Googlebot/2.1'), 'passes')
  assert.equal(await fate(options, 'Googlebot/1.0'), 'user_agent_denied')
  assert.equal(await fate(options, ' curl/8 '), 'user_agent_denied')
  assert.equal(await fate({ bots: false }, 'Twitterbot/1.0'), 'passes')
})

test('without the field a request passes, and with two of them nobody knows which one counts', async () => {
  assert.equal(await fate({}), 'passes')
  assert.equal(await fate({}, 'a', 'b'), 'request_malformed')
})

test('an expression must be one', async () => {
  assert.equal((await problemsOf(userAgent, { deny: ['('] })).length, 1)
})
