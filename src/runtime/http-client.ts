import type { HttpAnswer, HttpClient, HttpRequestOptions } from '../core/resources.ts'

/** The HTTP client for key sets, user records and the like. Not for exchanges: those go through `http/`. */
export const httpClient: HttpClient = {
  async get(url: string, { timeoutMs, bytesMax, headers = {} }: HttpRequestOptions): Promise<HttpAnswer> {
    const response = await fetch(url, {
      // identity: Node before 26.12.1 must not decode Brotli (CVE-2026-111497).
      headers: { 'accept-encoding': 'identity', ...headers },
      // Whoever answers may not send us on: the operator named one address.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    return { status: response.status, header: (name) => response.headers.get(name), text: await boundedText(response, bytesMax) }
  },
}

async function boundedText(response: Response, bytesMax: number): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  if (response.body === null) return ''
  const body: AsyncIterable<Uint8Array> = response.body
  for await (const piece of body) {
    bytes += piece.length
    if (bytes > bytesMax) throw new Error(`the answer is larger than ${bytesMax} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}
