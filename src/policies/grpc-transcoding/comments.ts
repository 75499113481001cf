import type { DescEnum, DescField, DescFile, DescMessage, DescMethod, DescService } from '@bufbuild/protobuf'

/** Field numbers of google/protobuf/descriptor.proto, which places of comments are made of. */
const FILE = { message: 4, enum: 5, service: 6 } as const
const MESSAGE = { field: 2, message: 3, enum: 4 } as const
const SERVICE_METHOD = 2

type Documented = DescMessage | DescEnum | DescField | DescService | DescMethod

const byFile = new WeakMap<DescFile, ReadonlyMap<string, string>>()

/** The comment on a declaration, without its margin; undefined for none, and where the descriptors came without comments. */
export function commentOn(desc: Documented): string | undefined {
  const file = fileOf(desc)
  let comments = byFile.get(file)
  if (comments === undefined) {
    comments = readComments(file)
    byFile.set(file, comments)
  }
  return comments.get(pathTo(desc).join('.'))
}

function fileOf(desc: Documented): DescFile {
  return desc.kind === 'field' ? desc.parent.file : desc.kind === 'rpc' ? desc.parent.file : desc.file
}

function readComments({ proto }: DescFile): ReadonlyMap<string, string> {
  const comments = new Map<string, string>()
  for (const { path, leadingComments, trailingComments } of proto.sourceCodeInfo?.location ?? []) {
    const text = (leadingComments === '' ? trailingComments : leadingComments)
      .split('\n')
      .map((line) => line.replace(/^ /, '').trimEnd())
      .join('\n')
      .trim()
    if (text !== '') comments.set(path.join('.'), text)
  }
  return comments
}

function pathTo(desc: Documented): readonly number[] {
  switch (desc.kind) {
    case 'service':
      return [FILE.service, desc.file.proto.service.indexOf(desc.proto)]
    case 'rpc':
      return [...pathTo(desc.parent), SERVICE_METHOD, desc.parent.proto.method.indexOf(desc.proto)]
    case 'field':
      return [...pathTo(desc.parent), MESSAGE.field, desc.parent.proto.field.indexOf(desc.proto)]
    case 'message':
      return desc.parent === undefined
        ? [FILE.message, desc.file.proto.messageType.indexOf(desc.proto)]
        : [...pathTo(desc.parent), MESSAGE.message, desc.parent.proto.nestedType.indexOf(desc.proto)]
    case 'enum':
      return desc.parent === undefined
        ? [FILE.enum, desc.file.proto.enumType.indexOf(desc.proto)]
        : [...pathTo(desc.parent), MESSAGE.enum, desc.parent.proto.enumType.indexOf(desc.proto)]
  }
}
