/**
 * Who may do what in the quickstart: a small identity provider on 127.0.0.1:9004. It makes a key pair when it starts, so that there is
 * no secret in any file.
 *
 * | path                   | what                                                              |
 * | ---------------------- | ----------------------------------------------------------------- |
 * | /.well-known/jwks.json | its public key, from which Turnpike knows a genuine token         |
 * | /users/:id             | the roles and permissions of a user; Turnpike asks for the record |
 */
import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer, type Server } from 'node:http'

export const IDENTITY_PORT = 9004
const KEY_ID = 'quickstart'
const TOKEN_LIFETIME_S = 8 * 3600

/** Ada may look at payments, and make none. */
const USERS: Readonly<Record<string, { readonly roles: readonly string[]; readonly permissions: readonly string[] }>> = {
  ada: { roles: ['customer'], permissions: ['payments:read'] },
  grace: { roles: ['admin'], permissions: [] },
}

const { publicKey, privateKey } = generateKeyPairSync('ed25519')

/** A token for one of the users, good for eight hours. */
export function issueToken(user: string): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: 'quickstart', aud: 'quickstart-api', sub: user, iat: now, exp: now + TOKEN_LIFETIME_S }
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode({ alg: 'EdDSA', typ: 'JWT', kid: KEY_ID })}.${encode(claims)}`
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`
}

function answer(path: string): { readonly status: number; readonly body: unknown } {
  if (path === '/.well-known/jwks.json') {
    const key = { ...publicKey.export({ format: 'jwk' }), kid: KEY_ID, alg: 'EdDSA', use: 'sig' }
    return { status: 200, body: { keys: [key] } }
  }
  const user = USERS[/^\/users\/([a-z]+)$/.exec(path)?.[1] ?? '']
  return user === undefined ? { status: 404, body: { error: `no ${path} here` } } : { status: 200, body: user }
}

/** @throws the error of `listen`, EADDRINUSE when its port is taken */
export function startIdentity(): Promise<Server> {
  const server = createServer((request, response) => {
    const { status, body } = answer(new URL(request.url ?? '/', 'http://identity').pathname)
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(`${JSON.stringify(body)}\n`)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(IDENTITY_PORT, '127.0.0.1', () => resolve(server))
  })
}
