/** What only a gateway needs that translates: loaded together. */
export { RequestTranslator } from './request.ts'
export { ResponseTranslator } from './response.ts'
export { servicePlan } from './service-plan.ts'
