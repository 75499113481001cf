import type { ErrorCode } from '../../core/errors.ts'

/** How Kong answers a refusal of ours. In `message` and `body` `{about}` stands for what its reason is about. */
export interface KongError {
  /** A refusal that has a status of its own keeps it. */
  readonly status: number
  /** `{about}` in it stands for what the refusal's reason is about. */
  readonly message: string
  /** Whether the refusal's own sentence, where it has one, takes the place of `message`: policies are told such sentences in Kong's words. */
  readonly ownMessage?: true
  /**
   * - `error`, the usual one: text, HTML, XML or JSON as `Accept` asks for it, with the id of the request; JSON where it says nothing.
   * - `nginx`: the same, but `Content-Type` stands in for `Accept`, and where there is neither it is text.
   * - `object`: `{"message":…}`, or `body`, as JSON whatever the client accepts, and without the id.
   * - `text`: the message alone, as text, whatever the client accepts.
   * - `empty`: no body.
   */
  readonly form?: 'error' | 'nginx' | 'object' | 'text' | 'empty'
  /** For `object`, in place of `{"message":…}`. */
  readonly body?: Readonly<Record<string, string>>
  /** Beside those of the refusal. */
  readonly headers?: readonly (readonly [name: string, value: string])[]
  /** For clients of gRPC, where it does not follow from the status. */
  readonly grpcStatus?: number
}

/** By code, or by code and reason with a blank between them: the finer one counts. */
export type KongErrors = Readonly<Record<`${ErrorCode} ${string}`, KongError>> & { readonly [Code in ErrorCode]?: KongError }
