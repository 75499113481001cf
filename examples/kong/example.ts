/** What `npm run example -- kong` starts and shows. */
import { createHmac } from 'node:crypto'

export { startServices } from './services.ts'

/** A token of a consumer of kong.yml, which is good until 2096. */
export function tokenOf(consumer: string): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ iss: consumer, exp: 4_000_000_000 })}`
  return `${signed}.${createHmac('sha256', `only-for-this-example-${consumer}`).update(signed).digest('base64url')}`
}

export function commands(url: string): readonly (readonly [string, string])[] {
  const as = (consumer: string): string => `-H 'Authorization: Bearer ${tokenOf(consumer)}'`
  const origin = `-H 'Origin: https://app.example.com'`
  return [
    [`curl -i ${url}/api/v1/users`, 'without a token: refused in Kong’s words'],
    [`curl -i ${url}/api/v1/users/7 ${as('mobile-app')}`, 'a consumer, with a limit of its own: 1000 a minute'],
    [
      `curl -i ${url}/api/v1/orders ${as('web-app')} -H 'X-Internal: 1'`,
      'both transformers: X-Internal goes, X-Gateway and X-Api-Version come',
    ],
    [
      `curl -i -X OPTIONS ${url}/api/v1/users ${origin} -H 'Access-Control-Request-Method: PUT'`,
      'a preflight is answered before anybody is asked for a token',
    ],
    [`curl -i ${url}/nowhere`, 'no route'],
    ['bin/turnpike import examples/kong/kong.yml --verify', 'the same in the native form, and a report'],
  ]
}
