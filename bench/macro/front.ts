/**
 * What clients speak with a proxy, set up alike for all: TLS 1.2 and 1.3 with a certificate for ECDSA P-256, in TLS 1.3
 * AES-128-GCM, which Turnpike prefers. Sessions are resumed by stateless tickets under keys that are given, as several instances need
 * them: all give two tickets with a full handshake, and none with a resumed one.
 */
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { connect } from 'node:http2'
import { request as requestHttps } from 'node:https'
import { join } from 'node:path'
import { Authority } from '../../test/services/certificates.ts'

/** `tls` has HTTP/1.1 and HTTP/2, as ALPN agrees; `h2c` is HTTP/2 from the first byte. */
export type Front = 'http' | 'tls' | 'h2c'

export interface TlsFiles {
  /** PEM. */
  readonly cert: string
  readonly key: string
  /** Both in one, as HAProxy wants them. */
  readonly both: string
  /** A key of tickets, as nginx wants it. */
  readonly ticketKey: string
  /** Keys in base64, as HAProxy wants them. */
  readonly ticketKeys: string
}

const TICKET_KEY_BYTES = 48
/** As many as it keeps: those that were, the one in use, the next. */
const HAPROXY_TICKET_KEYS = 3
const READY_TIMEOUT_MS = 1000
const TLS_1_3_CIPHER = 'TLS_AES_128_GCM_SHA256'

/** What {@link TLS_1_3_CIPHER} is called by those who make connections. */
export const HANDSHAKE = { ciphers: TLS_1_3_CIPHER, minVersion: 'TLSv1.3' } as const

export function writeTlsFiles(folder: string): TlsFiles {
  const { cert, key } = new Authority('Turnpike benchmark').forServer()
  const files = {
    cert: join(folder, 'cert.pem'),
    key: join(folder, 'key.pem'),
    both: join(folder, 'both.pem'),
    ticketKey: join(folder, 'ticket.key'),
    ticketKeys: join(folder, 'ticket.keys'),
  }
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key)
  writeFileSync(files.both, cert + key)
  writeFileSync(files.ticketKey, randomBytes(TICKET_KEY_BYTES))
  const keys = Array.from({ length: HAPROXY_TICKET_KEYS }, () => randomBytes(TICKET_KEY_BYTES).toString('base64'))
  writeFileSync(files.ticketKeys, `${keys.join('\n')}\n`)
  return files
}

export function urlOf(front: Front, port: number): string {
  return `${front === 'tls' ? 'https' : 'http'}://127.0.0.1:${port}`
}

/** For nginx's `http` block, and its `listen`. */
export function nginxFront(front: Front, { cert, key, ticketKey }: TlsFiles): { readonly http: string; readonly listen: string } {
  if (front === 'h2c') return { http: '', listen: ' http2' }
  if (front === 'http') return { http: '', listen: '' }
  return {
    http: `ssl_certificate ${cert}; ssl_certificate_key ${key}; ssl_protocols TLSv1.2 TLSv1.3; ssl_conf_command Ciphersuites ${TLS_1_3_CIPHER};
  ssl_session_ticket_key ${ticketKey};`,
    listen: ' ssl http2',
  }
}

/** For HAProxy's `global` section, and its `bind`. */
export function haproxyFront(front: Front, { both, ticketKeys }: TlsFiles): { readonly global: string; readonly bind: string } {
  if (front === 'h2c') return { global: '', bind: ' proto h2' }
  if (front === 'http') return { global: '', bind: '' }
  return {
    global: `ssl-default-bind-ciphersuites ${TLS_1_3_CIPHER}\n  ssl-default-bind-options ssl-min-ver TLSv1.2`,
    bind: ` ssl crt ${both} alpn h2,http/1.1 tls-ticket-keys ${ticketKeys}`,
  }
}

/** For Turnpike's listener. */
export function turnpikeFront(front: Front, { cert, key }: TlsFiles): string {
  return front === 'tls' ? `, tls: { certificates: [{ cert: ${cert}, key: ${key} }] }` : ''
}

/** Whether a GET is answered with 200. */
export function answers200(front: Front, port: number): Promise<boolean> {
  return front === 'h2c' ? answers200ToHttp2(port) : answers200ToHttp1(front, port)
}

function answers200ToHttp1(front: Front, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, agent: false as const, timeout: READY_TIMEOUT_MS, rejectUnauthorized: false }
    const attempt = (front === 'tls' ? requestHttps : requestHttp)(options, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    attempt.on('timeout', () => attempt.destroy())
    attempt.on('error', () => resolve(false))
    attempt.end()
  })
}

function answers200ToHttp2(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const session = connect(`http://127.0.0.1:${port}`)
    const end = (is200: boolean): void => {
      resolve(is200)
      session.destroy()
    }
    session.setTimeout(READY_TIMEOUT_MS, () => end(false))
    session.on('error', () => end(false))
    const stream = session.request({ ':path': '/' })
    stream.on('error', () => end(false))
    stream.on('response', (headers) => end(headers[':status'] === 200))
  })
}
