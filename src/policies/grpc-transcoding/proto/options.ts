/** Options of .proto files: how they are written, and what becomes of them. Their values are read as text format, which is what they are. */
import type { Registry } from '@bufbuild/protobuf'
import { mergeFromText } from '@bufbuild/protobuf/txtpb'
import type { OptionNamePart, OptionStatement } from './declarations.ts'
import type { FileContext } from './file-context.ts'
import { ProtoFault } from './lexer.ts'
import { NESTING_MAX, type TokenReader } from './token-reader.ts'

type OptionTarget = Pick<OptionStatement, 'scope' | 'schema' | 'target'>

/** Parses `option NAME = VALUE;`. */
export function addOption(file: FileContext, target: OptionTarget): void {
  file.reader.expect('option')
  file.options.push({ ...target, ...assignment(file.reader) })
  file.reader.expect(';')
}

/**
 * Parses options in brackets, where there are some.
 * @param own takes those that are no fields of the options message (`default`, `json_name`), at their value; true for those it has taken
 */
export function addCompactOptions(file: FileContext, target: OptionTarget, own: (name: string) => boolean = () => false): void {
  const { reader } = file
  if (!reader.takeIf('[')) return
  do {
    if (reader.next.kind === 'identifier' && reader.peek(1).text === '=' && own(reader.next.text)) continue
    file.options.push({ ...target, ...assignment(reader) })
  } while (reader.takeIf(','))
  reader.expect(']')
}

function assignment(reader: TokenReader): Pick<OptionStatement, 'name' | 'value'> {
  const name: OptionNamePart[] = []
  do {
    const isExtension = reader.takeIf('(')
    const token = isExtension ? reader.qualifiedName('the name of an extension') : reader.identifier('the name of an option')
    if (isExtension) reader.expect(')')
    name.push({ token, isExtension })
  } while (reader.takeIf('.'))
  reader.expect('=')
  return { name, value: optionValue(reader) }
}

function optionValue(reader: TokenReader): string {
  const first = reader.next
  if (reader.is('{')) {
    skipBlock(reader, 0)
    return reader.textSince(first)
  }
  if (first.kind === 'string') {
    reader.bytes('a value')
    return `: ${reader.textSince(first)}`
  }
  const sign = reader.takeIf('-') ? '-' : ''
  if (!['identifier', 'integer', 'float'].includes(reader.next.kind)) throw reader.unexpected('a value')
  return `: ${sign}${reader.take().text}`
}

function skipBlock(reader: TokenReader, depth: number): void {
  if (depth > NESTING_MAX) throw reader.fault(`values nested deeper than ${NESTING_MAX} levels`)
  reader.expect('{')
  while (!reader.takeIf('}')) {
    if (reader.next.kind === 'end') throw reader.unexpected('`}`')
    if (reader.is('{')) skipBlock(reader, depth + 1)
    else reader.take()
  }
}

/**
 * Puts an option into its message, beside those that are there.
 * @param registry knows all extensions
 * @param extension finds the full name of one; null when there is none
 */
export function applyOption(
  file: string,
  { name, value, schema, target, scope }: OptionStatement,
  registry: Registry,
  extension: (name: string, scope: string) => string | null,
): void {
  const parts = name.map(({ token, isExtension }) => {
    if (!isExtension) return token.text
    const found = extension(token.text, scope)
    if (found === null) throw new ProtoFault(file, token, `no extension \`${token.text}\`: is the file that defines it imported?`)
    return `[${found}]`
  })
  const text = `${parts.join(' { ')} ${value}${' }'.repeat(parts.length - 1)}`
  try {
    mergeFromText(schema, target(), text, { registry, recursionLimit: NESTING_MAX })
  } catch (error) {
    const [first] = name
    if (first === undefined) throw error
    const shown = name.map(({ token, isExtension }) => (isExtension ? `(${token.text})` : token.text)).join('.')
    throw new ProtoFault(file, first.token, `the option \`${shown}\`: ${error instanceof Error ? error.message : String(error)}`)
  }
}
