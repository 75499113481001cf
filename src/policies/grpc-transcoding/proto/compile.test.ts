import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { compileProtos } from './compile.ts'

/** Compiles files given as text; the first is the one that is asked for. */
async function compiled(files: Readonly<Record<string, string>>) {
  const read = async (name: string) => {
    const text = files[name]
    return text === undefined ? null : { shownName: `protos/${name}`, text }
  }
  return compileProtos([Object.keys(files)[0] ?? ''], { read })
}

async function fault(text: string, others: Readonly<Record<string, string>> = {}): Promise<string> {
  try {
    await compiled({ 'a.proto': text, ...others })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'none'
}

const HEAD = 'syntax = "proto3";\n'

test('mistakes are told with file, line and column', async () => {
  const faults: Readonly<Record<string, string>> = {
    'syntax = "proto4";': '1:10: expected "proto2" or "proto3", found "proto4"',
    'edition = "2024";': '1:11: expected "2023", found "2024"',
    [`${HEAD}message A {\n  string name = 1\n}`]: '4:1: expected `;`, found `}`',
    [`${HEAD}message A {\n  string = 1;\n}`]: '3:10: expected the name of a field, found `=`',
    [`${HEAD}message A {`]: '2:12: expected a type, found the end of the file',
    [`${HEAD}message A { B b = 1; }`]: '2:13: no type `B` is declared',
    [`${HEAD}message A { string a = 1; int32 b = 1; }`]: '2:9: `a` and `b` of `A` have the same number 1',
    [`${HEAD}message A { string a = 0; }`]: '2:24: expected a number from 1 to 536870911',
    [`${HEAD}message A { string a = 19500; }`]: '2:24: the numbers 19000 to 19999 are kept for the wire format',
    [`${HEAD}message A { string a = 1; string a = 2; }`]: '2:34: `A.a` is declared already, here, as a field',
    [`${HEAD}message A {} message A {}`]: '2:22: `A` is declared already, here, as a message',
    [`${HEAD}message A { required string a = 1; }`]: '2:13: `required` is not for this field',
    [`${HEAD}message A { oneof o {} }`]: '2:19: the oneof `o` has no field',
    [`${HEAD}message A { oneof o { repeated string a = 1; } }`]: '2:23: a field of a oneof is not `repeated`',
    [`${HEAD}message A { map<float, string> a = 1; }`]: '2:17: `float` is no type for keys',
    [`${HEAD}message A { string a = 1 [default = "x"]; }`]: '2:27: proto3 has no defaults of its own',
    [`${HEAD}enum A { B = 1; }`]: '2:6: the first value of an enum is 0 in proto3',
    [`${HEAD}enum A {}`]: '2:6: the enum `A` has no value',
    [`${HEAD}enum A { B = 0; } service S { rpc M(A) returns (A); }`]: '2:37: expected a message: `A` is an enum',
    [`${HEAD}import "b.proto";`]: '2:8: `b.proto` is in none of the `importPaths`',
    [`${HEAD}option (nope) = 1;`]: '2:9: no extension `nope`: is the file that defines it imported?',
    [`${HEAD}option nope = 1;`]: '2:8: the option `nope`: ',
    [`${HEAD}option java_package = 1;`]: '2:8: the option `java_package`: ',
    [`${HEAD}message A { string a = 1 [deprecated = maybe]; }`]: '2:27: the option `deprecated`: ',
    [`${HEAD}message A { string a = 1; } /* `]: '2:29: a comment that does not end',
    [`${HEAD}option java_package = "a\n";`]: '2:23: a string that does not end on its line',
    [`${HEAD}option java_package = "\\q";`]: '2:23: an escape that means nothing',
    [`${HEAD}message A { string a = 08; }`]: '2:24: a malformed number',
    [`${HEAD}message A § {}`]: '2:11: unexpected "§"',
    [`${HEAD}bogus;`]: '2:1: expected a declaration, such as `message` or `service`, found `bogus`',
    [`${HEAD}${'message A {'.repeat(70)}`]: 'messages nested deeper than 64 levels',
    'message A { string a = 1; }': '1:13: expected `optional`, `required` or `repeated`, found `string`',
    'edition = "2023";\nmessage A { optional string a = 1; }': '2:13: editions have no `optional`: see `features.field_presence`',
  }
  for (const [text, expected] of Object.entries(faults)) {
    const told = await fault(text)
    assert.ok(told.startsWith('protos/a.proto:') && told.includes(expected), `${text}\n${told}`)
  }
})

test('what another file declares is found where it is imported, by way of public imports too', async () => {
  const use = `${HEAD}package a;\nimport "b.proto";\nmessage A { c.C c = 1; }`
  const b = 'syntax = "proto3"; package b; import public "c.proto";'
  const c = 'syntax = "proto3"; package c; message C {}'
  const files = await compiled({ 'a.proto': use, 'b.proto': b, 'c.proto': c })
  assert.deepEqual(
    files.map(({ name }) => name),
    ['c.proto', 'b.proto', 'a.proto'],
  )
  assert.equal(files[2]?.messageType[0]?.field[0]?.typeName, '.c.C')
  const hidden = await fault(use, { 'b.proto': b.replace('public ', ''), 'c.proto': c })
  assert.equal(hidden, 'protos/a.proto:4:13: `c.C` is declared in c.proto, which is not imported')
  const circle = await fault(`${HEAD}import "b.proto";`, { 'b.proto': 'import "a.proto";' })
  assert.equal(circle, 'protos/b.proto:1:8: `a.proto` imports itself, by way of others')
  const twice = await fault(`${HEAD}package c; import "c.proto"; message C {}`, { 'c.proto': c })
  assert.equal(twice, 'protos/a.proto:2:38: `c.C` is declared already, in c.proto, as a message')
})

test('files that come with the gateway need not be given', async () => {
  const files = await compiled({ 'a.proto': `${HEAD}import "google/rpc/error_details.proto"; import "google/protobuf/type.proto";` })
  assert.deepEqual(
    files.map(({ name }) => name),
    [
      'google/protobuf/duration.proto',
      'google/rpc/error_details.proto',
      'google/protobuf/any.proto',
      'google/protobuf/source_context.proto',
      'google/protobuf/type.proto',
      'a.proto',
    ],
  )
})

test('a file of any bytes is parsed or refused, and never anything else', async () => {
  const word = fc.constantFrom(
    'message',
    'A',
    '{',
    '}',
    ';',
    '=',
    '1',
    'string',
    'oneof',
    '[',
    ']',
    '(',
    ')',
    'option',
    '"x"',
    '.',
    ',',
    'map',
    '<',
    '>',
    'rpc',
    'service',
    'extend',
    '//',
    '/*',
    '*/',
    '\n',
    '-',
    'reserved',
    'to',
    'max',
    'enum',
    'group',
    'returns',
    'stream',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 40 }), async (words) => {
      const told = await fault(words.join(' '))
      assert.match(told, /^(none|protos\/a\.proto:\d+:\d+: .+)$/)
    }),
    { seed: 6, numRuns: 2_000 },
  )
})
