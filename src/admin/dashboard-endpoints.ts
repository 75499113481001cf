import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Answer } from './answer.ts'
import type { Endpoint } from './endpoint.ts'

const FILE = new URL('dashboard/index.html', import.meta.url)

let page: Answer | null = null

/** Only what stands in the page itself may run, told by its hashes; it may ask its own origin only, and nobody may frame it. */
function policyOf(html: string): string {
  const hashes = (element: string): string =>
    [...html.matchAll(new RegExp(`<${element}[^>]*>([^]*?)</${element}>`, 'g'))]
      .map(([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`)
      .join(' ')
  return `default-src 'none'; script-src ${hashes('script')}; style-src ${hashes('style')}; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
}

/** Read when it is first asked for: no start waits for it. */
function dashboard(): Answer {
  if (page === null) {
    const body = readFileSync(FILE, 'utf8')
    const headers = { 'content-security-policy': policyOf(body), 'referrer-policy': 'no-referrer' }
    page = { status: 200, type: 'text/html; charset=utf-8', body, headers }
  }
  return page
}

const endpoint = (path: string): Endpoint => ({
  method: 'GET',
  path,
  role: 'public',
  summary: 'The dashboard: a page that asks for a token, and shows what the other endpoints tell.',
  response: { type: 'text/html', schema: null, description: 'One page that needs no other file.' },
  answer: dashboard,
})

export const DASHBOARD_ENDPOINTS: readonly Endpoint[] = [endpoint('/'), endpoint('/dashboard')]
