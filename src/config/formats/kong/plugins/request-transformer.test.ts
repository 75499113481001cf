import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nativeTemplate } from './lua-template.ts'
import { requestTransformer } from './request-transformer.ts'
import { translated } from './testing.ts'

const NOTHING = { headers: { taken: 'keep' }, query: { taken: 'keep' }, body: { taken: 'keep' }, form: { taken: 'keep' } }
const ALWAYS = { ...NOTHING, notJson: 'pass-unparsable', timestampHeader: false }

test('2.10 request-transformer: the defaults do nothing', async () => {
  assert.deepEqual(await translated(requestTransformer, {}), {
    policies: {
      'transform:request-transformer': {
        request: { ...ALWAYS, formToQuery: false },
        response: { timeHeader: false },
        bodyBytesMax: '8MiB',
      },
    },
    root: undefined,
    notes: [],
    errors: [],
  })
})

test('2.10 request-transformer: of two values the last replaces, the first is added, and all are appended', async () => {
  const { policies, errors } = await translated(requestTransformer, {
    replace: { headers: ['X-A:1', 'x-a:2', 'X-Empty:'] },
    add: { headers: ['X-B:1', 'x-b:2'] },
    append: { headers: ['X-C:1', 'x-c:2:3', 'X-C::4'] },
  })
  assert.deepEqual(errors, [])
  assert.deepEqual(JSON.parse(JSON.stringify(policies))['transform:request-transformer'].request.headers, {
    replace: { 'x-a': '2' },
    default: { 'X-B': '1' },
    add: { 'X-C': ['1', '2:3', '4'] },
    taken: 'keep',
  })
})

test('2.10 request-transformer: what is not carried is told', async () => {
  const { notes } = await translated(requestTransformer, {
    http_method: 'PUT',
    remove: { headers: ['Connection', 'Host'], body: ['*'] },
    rename: { querystring: ['a:b', 'b:c'] },
    add: { headers: ['X-A:$(headers.x)', 'X-B:x$(headers.x)'] },
  })
  assert.deepEqual(notes, ['config.http_method#head', 'config#star', 'config#managed', 'config#empty', 'config.rename#chain'])
  assert.equal((await translated(requestTransformer, { http_method: 'HEAD' })).errors.length, 1)
})

test('2.10 request-transformer: what Kong refuses', async () => {
  const errors = async (config: object) => (await translated(requestTransformer, config)).errors
  assert.deepEqual(await errors({ add: { headers: ['X-A'] } }), ["add.headers.0: key 'X-A' has no value"])
  assert.deepEqual(await errors({ remove: { headers: ['a b'] } }), ["remove.headers.0: 'a b' is not a valid header"])
  assert.deepEqual(await errors({ rename: { headers: ['a:b c'] } }), ["rename.headers.0: 'b c' is not a valid header"])
  assert.equal((await errors({ http_method: 'get' })).length, 1)
  assert.equal((await errors({ remove: { query: ['a'] } })).length, 1)
})

test('2.10 request-transformer: references become placeholders, and anything else is told by its rule', () => {
  const texts: readonly (readonly [string, string])[] = [
    ['plain {x} $5 (a)', 'plain {{x} $5 (a)'],
    ['$(headers.x_y)', '{header.x-y}'],
    ["$( headers['X-Y'] )", '{header.X-Y}'],
    ['a$(query_params["a.b"])b', 'a{query.a.b}b'],
    ["$(uri_captures['id'])-$(uri_captures.n)", '{param.id}-{param.n}'],
  ]
  for (const [written, text] of texts) {
    const found = nativeTemplate(written)
    assert.equal('text' in found ? found.text : found.rule, text, written)
  }
  const rules: readonly (readonly [string, string])[] = [
    ['$(headers.a or "b")', 'config#lua'],
    ['$(headers.a:lower())', 'config#lua'],
    ['$(string.upper(headers.a))', 'config#lua'],
    ['$(headers.a.b)', 'config#lua'],
    ['$(headers["a"', 'config#lua'],
    ['$()', 'config#lua'],
    ['# for a in b do', 'config#lua'],
    ['$(query_params[1])', 'config#lua'],
    ['$(query_params["a b"])', 'config#lua'],
    ['$(uri_captures[1])', 'config#number'],
    ["$(uri_captures['1'])", 'config#number'],
    ['$(shared.user.name)', 'config#shared'],
  ]
  for (const [written, rule] of rules) {
    const found = nativeTemplate(written)
    assert.equal('rule' in found ? found.rule : found.text, rule, written)
  }
})
