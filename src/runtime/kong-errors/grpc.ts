/** Of grpc-gateway, which answers with a sentence. `reference/kong-semantics.md` 2.10. */
import type { KongErrors } from './kong-error.ts'

export const GRPC_ERRORS: KongErrors = {
  'route_not_found mapping-missing': { status: 400, message: 'Unknown path "{about}"', form: 'text' },
  'method_not_allowed mapping-missing': { status: 400, message: 'Unknown path "{about}"', form: 'text' },
  'request_body_invalid json-invalid': { status: 400, message: 'decode json err', ownMessage: true, form: 'text' },
}
