/** Kong's consumers in the native form. */
import { nodeAt } from '../../tree.ts'
import { nodeOf } from './nodes.ts'
import type { ConsumerEntity, KongDocument, Written } from './types.ts'

/** What is written in the consumer's block. */
export function nativeConsumer(consumer: ConsumerEntity, document: KongDocument): Readonly<Record<string, Written | undefined>> {
  void document
  const { keyAuth, acls } = consumer.credentials
  return {
    ...(acls.length > 0 && { groups: acls.map((acl) => nodeOf(acl.fields.group, acl.locate(['group']))) }),
    ...(keyAuth.length > 0 && {
      keys: keyAuth
        .filter(({ fields }) => fields.key !== '')
        .map((entity) => nodeOf({ key: nodeAt(entity.node, ['key']) ?? '', id: entity.id }, entity.at)),
    }),
  }
}
