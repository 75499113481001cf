/** What `npm run example -- soap` starts and shows. */
import { startService } from './service.ts'

export const startServices = (): Promise<() => void> => startService()

export function commands(url: string): readonly (readonly [string, string])[] {
  const order = '{"order":{"@side":"buy","symbol":"ACME","quantity":10}}'
  return [
    [`curl -i ${url}/stock/quotes/ACME`, 'the operation GetQuote'],
    [`curl -i '${url}/stock/quotes?symbol=ACME&symbol=GLOBX'`, 'ListQuotes: a member that repeats'],
    [`curl -i ${url}/stock/orders --json '${order}'`, 'PlaceOrder: a number with all its digits'],
    [`curl -i ${url}/stock/orders --json '{"order":{"@side":"hold"}}'`, 'refused before the service sees it'],
    [`curl -i ${url}/stock/quotes/NONE`, 'a fault of the service is 404'],
    [`curl -i -X PUT ${url}/stock/watched/ACME`, 'Watch: an operation that nothing comes back from'],
  ]
}
