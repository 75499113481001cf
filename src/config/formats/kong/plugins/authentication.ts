/** What Kong's plugins that authenticate have in common: `reference/kong-semantics.md` 2.10. */
import { CUSTOM_ID_LABEL, USERNAME_LABEL } from '../consumers.ts'
import { nodeOf } from '../nodes.ts'
import type { KongDocument, PluginSurroundings, TranslatedPolicy, Written } from '../types.ts'

const NOTHING = { subject: false, consumer: false, groups: false, credential: false, method: false, encoding: 'utf-8' } as const

/** Behind all of these plugins, once for all of them: who has been found out is told to the service. */
export const IDENTITY: TranslatedPolicy = {
  kind: 'identity-headers',
  name: 'identity-headers',
  options: {
    ...NOTHING,
    consumerId: 'X-Consumer-ID',
    labels: { [CUSTOM_ID_LABEL]: 'X-Consumer-Custom-ID', [USERNAME_LABEL]: 'X-Consumer-Username' },
    credentialName: 'X-Credential-Identifier',
    anonymous: 'X-Anonymous-Consumer',
    cleared: [],
  },
}

/** The groups, where acl says so; clients cannot claim any. */
export function groupsPolicy(hidden: boolean): TranslatedPolicy {
  const options = { ...NOTHING, groups: hidden ? false : GROUPS_FIELD, separator: ', ', cleared: [GROUPS_FIELD] }
  return { kind: 'identity-headers', options }
}

const GROUPS_FIELD = 'X-Consumer-Groups'

/** How plugins of several kinds go together: with `anonymous` one of them is enough, without each has to let pass, and the last has the word. */
export function termsOf(
  anonymous: string | undefined,
  { document, locate }: PluginSurroundings,
): Readonly<Record<string, Written | undefined>> {
  return {
    replaces: true,
    anonymous: anonymous === undefined ? undefined : nodeOf(anonymousName(anonymous, document), locate(['anonymous'])),
  }
}

/** By id, or else by username. One that is not there is answered with 500 when it is needed. */
function anonymousName(written: string, { consumers }: KongDocument): string {
  const found = consumers.find(({ id }) => id === written) ?? consumers.find(({ fields }) => fields.username === written)
  if (found !== undefined) return found.fields.name
  // No name of a consumer of the native form has a blank.
  return consumers.some(({ fields }) => fields.name === written) ? `no ${written}` : written
}

export const PROXY_AUTHORIZATION_RULE = {
  fidelity: 'approximated',
  reason: '`Proxy-Authorization` is looked at first, as in Kong, and then never sent to the service (RFC 9110, 11.7.2): Kong sends it on',
} as const
