import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { exchangeOf } from '../testing.ts'
import { Document } from './document.ts'
import { type BodyEdits, compileBodyEdits } from './json-edit.ts'
import { readJson, writeJson } from './json-text.ts'

const NONE: BodyEdits = { remove: [], rename: {}, set: {} }

function edited(edits: Partial<BodyEdits>, text: string, growthMax = 10_000): Document {
  const read = readJson(Buffer.from(text))
  assert.ok(read !== undefined, text)
  const exchange = exchangeOf({ query: 'q=v&n=1', params: { id: '7' }, headers: [['X-A', 'h']] })
  exchange.caller.claims = { sub: 'u1', level: 3, roles: ['a', 'b'] }
  const document = new Document(read.value, exchange, growthMax)
  compileBodyEdits({ ...NONE, ...edits })?.(document)
  return document
}

/** Edits, body before, body after. */
type Case = readonly [Partial<BodyEdits>, string, string]

function check(cases: readonly Case[]): void {
  for (const [edits, before, after] of cases) {
    const document = edited(edits, before)
    assert.equal(writeJson(document.value).toString(), after, `${JSON.stringify(edits)} on ${before}`)
    if (before === after) assert.equal(document.changed, false, `${JSON.stringify(edits)} on ${before} changes nothing`)
    else assert.ok(document.changed)
  }
}

test('remove: members and elements, each with *; what is missing is not missed', () => {
  check([
    [{ remove: ['/a'] }, '{"a":1,"b":2}', '{"b":2}'],
    [{ remove: ['/a/b/c'] }, '{"a":{"b":{"c":1,"d":2}}}', '{"a":{"b":{"d":2}}}'],
    [{ remove: ['/a/1'] }, '{"a":[1,2,3]}', '{"a":[1,3]}'],
    [{ remove: ['/items/*/x'] }, '{"items":[{"x":1},{"y":2},3,{"x":4,"y":5}]}', '{"items":[{},{"y":2},3,{"y":5}]}'],
    [{ remove: ['/*/x'] }, '{"a":{"x":1},"b":{"x":2,"y":3}}', '{"a":{},"b":{"y":3}}'],
    [{ remove: ['/a/*'] }, '{"a":[1,2]}', '{"a":[]}'],
    [{ remove: ['/a/*'] }, '{"a":{"b":1}}', '{"a":{}}'],
    [{ remove: ['/a', '/a/b', '/c/9', '/d/-1', '/e/01'] }, '{"c":[1],"d":[2],"e":[3,4]}', '{"c":[1],"d":[2],"e":[3,4]}'],
    [{ remove: ['/a'] }, '[1]', '[1]'],
    [{ remove: ['/a'] }, '"a"', '"a"'],
    [{ remove: ['/a~1b', '/c~0d', '/'] }, '{"a/b":1,"c~d":2,"":3,"e":4}', '{"e":4}'],
    [{ remove: ['/toString', '/length'] }, '{"a":"x"}', '{"a":"x"}'],
  ])
})

test('rename: a new name in the same object, which replaces what had it', () => {
  check([
    [{ rename: { '/a': 'b' } }, '{"a":1,"c":2}', '{"c":2,"b":1}'],
    [{ rename: { '/a': 'b' } }, '{"a":1,"b":2}', '{"b":1}'],
    [{ rename: { '/a': 'b' } }, '{"b":2}', '{"b":2}'],
    [{ rename: { '/a': 'a' } }, '{"a":1}', '{"a":1}'],
    [{ rename: { '/items/*/n': 'name' } }, '{"items":[{"n":1},2,{"n":3}]}', '{"items":[{"name":1},2,{"name":3}]}'],
    [{ rename: { '/a/0': 'b' } }, '{"a":[1]}', '{"a":[1]}'],
    [{ remove: ['/a'], rename: { '/a': 'b' } }, '{"a":1}', '{}'],
  ])
})

test('rename with a pointer: the value moves, and stays where there is no place for it', () => {
  check([
    [{ rename: { '/user/mail': '/contact/email' } }, '{"user":{"mail":"m"}}', '{"user":{},"contact":{"email":"m"}}'],
    [{ rename: { '/a': '/a/b' } }, '{"a":1}', '{"a":{"b":1}}'],
    [{ rename: { '/a/0': '/first' } }, '{"a":[1,2]}', '{"a":[2],"first":1}'],
    [{ rename: { '/x': '/y/z' } }, '{"a":1}', '{"a":1}'],
    [{ rename: { '/a': '/b/-' } }, '{"a":1,"b":[2]}', '{"b":[2,1]}'],
  ])
  for (const before of ['{"a":1,"b":2}', '{"a":[1,2],"b":"x"}']) {
    const document = edited({ rename: { '/a': '/b/c' } }, before)
    assert.ok(document.unfit)
    assert.deepEqual(document.value, { ...JSON.parse(before) })
  }
})

test('set: any JSON, objects made on the way, arrays by index and at their end', () => {
  check([
    [{ set: { '/a': 1 } }, '{}', '{"a":1}'],
    [{ set: { '/a': 1 } }, '{"a":{"b":2}}', '{"a":1}'],
    [{ set: { '/a/b/c': null } }, '{}', '{"a":{"b":{"c":null}}}'],
    [{ set: { '/a/b': 1 } }, '{"a":null}', '{"a":{"b":1}}'],
    [{ set: { '/a/1': 9 } }, '{"a":[1,2,3]}', '{"a":[1,9,3]}'],
    [{ set: { '/a/3': 9 } }, '{"a":[1,2,3]}', '{"a":[1,2,3,9]}'],
    [{ set: { '/a/-': [1] } }, '{"a":[]}', '{"a":[[1]]}'],
    [{ set: { '/a/0/b': 2 } }, '{"a":[{"b":1}]}', '{"a":[{"b":2}]}'],
    [{ set: { '/items/*/ok': true } }, '{"items":[{},{"ok":0}]}', '{"items":[{"ok":true},{"ok":true}]}'],
    [{ set: { '/items/*/ok': true } }, '{"a":1}', '{"a":1}'],
    [{ set: { '/m/*': 0 } }, '{"m":{"a":1,"b":2}}', '{"m":{"a":0,"b":0}}'],
    [{ set: { '/n': 1.5, '/s': '{{user}' } }, '{}', '{"n":1.5,"s":"{user}"}'],
    [{ remove: ['/m/a'], set: { '/m/*': 0 } }, '{"m":{"a":1,"b":2}}', '{"m":{"b":0}}'],
  ])
})

test('set: what stands in the way makes the document unfit, and stays', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['/a/b', '{"a":5}'],
    ['/a/b', '{"a":[1]}'],
    ['/a/5', '{"a":[1]}'],
    ['/a/01', '{"a":[1]}'],
    ['/a', '[1]'],
    ['/a', '"x"'],
    ['/a/-/b', '{"a":[]}'],
    ['/items/*/x', '{"items":[1]}'],
  ]
  for (const [pointer, before] of cases) {
    const document = edited({ set: { [pointer]: 1 } }, before)
    assert.ok(document.unfit, `${pointer} on ${before}`)
    assert.equal(writeJson(document.value).toString(), before)
  }
})

test('templates: in strings at any depth, one alone keeps its type, and what is not known is not there', () => {
  check([
    [
      { set: { '/t': { id: '{param.id}', level: '{claim.level}', text: 'q={query.q} l={claim.level}', roles: ['{claim.roles}'] } } },
      '{}',
      '{"t":{"id":"7","level":3,"text":"q=v l=3","roles":[["a","b"]]}}',
    ],
    [{ set: { '/tenant': '{claim.tid}' } }, '{"tenant":"forged","a":1}', '{"a":1}'],
    [{ set: { '/x': ['{claim.tid}', { y: '{claim.tid}' }] } }, '{}', '{"x":[null,{}]}'],
    [{ set: { '/full': '{body./first} {body./last}' } }, '{"first":"A","last":"B"}', '{"first":"A","last":"B","full":"A B"}'],
    [{ set: { '/copy': '{body./a}' } }, '{"a":[1.0,{"b":2}]}', '{"a":[1.0,{"b":2}],"copy":[1.0,{"b":2}]}'],
    [{ set: { '/text': 'v{body./a}' } }, '{"a":12345678901234567890}', '{"a":12345678901234567890,"text":"v12345678901234567890"}'],
    [{ set: { '/self': '{body}' } }, '{"a":1}', '{"a":1,"self":{"a":1}}'],
    [
      { template: { id: '{body./user/id}', all: '{body}', none: '{body./x}' } },
      '{"user":{"id":1.0}}',
      '{"id":1.0,"all":{"user":{"id":1.0}}}',
    ],
    [{ template: '{body./0}' }, '[5]', '5'],
  ])
})

test('unwrap comes first and wrap last, by name or pointer', () => {
  check([
    [{ unwrap: 'data' }, '{"data":[1],"meta":2}', '[1]'],
    [{ unwrap: '/data/items' }, '{"data":{"items":[1]}}', '[1]'],
    [{ unwrap: 'data' }, '{"a":1}', '{"a":1}'],
    [{ unwrap: 'data' }, '[1]', '[1]'],
    [{ wrap: 'data' }, '[1]', '{"data":[1]}'],
    [{ wrap: '/a/b' }, '1', '{"a":{"b":1}}'],
    [
      { unwrap: 'in', remove: ['/x'], rename: { '/y': 'z' }, set: { '/x': 1 }, wrap: 'out' },
      '{"in":{"x":0,"y":2}}',
      '{"out":{"x":1,"z":2}}',
    ],
  ])
})

test('what was set in several places, or by an earlier exchange, is not one thing', () => {
  check([
    [{ set: { '/*/m': { a: 1 }, '/0/m/a': 2 } }, '[{},{}]', '[{"m":{"a":2}},{"m":{"a":1}}]'],
    [{ set: { '/c': '{body./a}', '/c/x': 1 } }, '{"a":{}}', '{"a":{},"c":{"x":1}}'],
  ])
  const operation = compileBodyEdits({ ...NONE, set: { '/m': { a: 1 }, '/m/b': '{query.q}' } })
  for (const query of ['q=1', 'q=2']) {
    const document = new Document({}, exchangeOf({ query }), 1000)
    operation?.(document)
    assert.deepEqual(document.value, { m: { a: 1, b: query.slice(2) } })
  }
})

test('members named like parts of the language are members, and no prototype changes', () => {
  check([
    [{ set: { '/__proto__': { polluted: 1 } } }, '{"a":1}', '{"a":1,"__proto__":{"polluted":1}}'],
    [{ set: { '/__proto__/polluted': 1 } }, '{"a":1}', '{"a":1,"__proto__":{"polluted":1}}'],
    [{ set: { '/constructor/prototype/polluted': 1 } }, '{}', '{"constructor":{"prototype":{"polluted":1}}}'],
    [{ set: { '/x': '{body.}' } }, '{}', '{"x":"{body.}"}'],
    [{ rename: { '/a': '__proto__' } }, '{"a":{"polluted":1}}', '{"__proto__":{"polluted":1}}'],
    [{ rename: { '/a': '/__proto__/polluted' } }, '{"a":1}', '{"__proto__":{"polluted":1}}'],
    [{ remove: ['/__proto__'] }, '{"__proto__":{"x":1},"b":2}', '{"b":2}'],
    [{ wrap: '__proto__' }, '1', '{"__proto__":1}'],
    [{ unwrap: '__proto__' }, '{"a":1}', '{"a":1}'],
    [{ template: JSON.parse('{"__proto__":"{query.q}"}') }, '{}', '{"__proto__":"v"}'],
    [{ set: { '/c': '{body}' } }, '{"__proto__":{"x":1}}', '{"__proto__":{"x":1},"c":{"__proto__":{"x":1}}}'],
  ])
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
})

test('rules add no more than the bound, whatever they multiply', () => {
  const items = `{"items":[${Array.from({ length: 1000 }, () => '{"n":1}').join(',')}]}`
  const doubling = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`/d${i}`, '{body}']))
  const cases: readonly Partial<BodyEdits>[] = [
    { set: { '/items/*/all': '{body}' } },
    { set: doubling },
    { set: { '/t': '{body}'.repeat(100) } },
    { set: { '/items/*/long': 'x'.repeat(100) } },
    { rename: { '/items/*/n': 'n'.repeat(100) } },
    { template: Array.from({ length: 100 }, () => '{body}') },
    { template: [`${'{body}'.repeat(100)}.`] },
  ]
  for (const edits of cases) assert.ok(edited(edits, items).isTooLarge, JSON.stringify(edits).slice(0, 80))
  assert.equal(edited({ set: { '/items/*/all': true } }, items).isTooLarge, false)
})

test('a rule changes what it names and no letter of the rest', () => {
  const value = fc.jsonValue({ maxDepth: 3 })
  const members = fc.dictionary(
    fc.string().filter((name) => !/^\d/.test(name) && name !== 'new' && name !== 'old'),
    value,
  )
  fc.assert(
    fc.property(members, value, (rest, own) => {
      const inside = JSON.stringify(rest).slice(1, -1)
      const comma = inside === '' ? '' : ','
      const ownText = JSON.stringify(own)
      const withOld = `{"old":${ownText}${comma}${inside}}`
      const cases: readonly Case[] = [
        [{ remove: ['/old'] }, withOld, `{${inside}}`],
        [{ rename: { '/old': 'new' } }, withOld, `{${inside}${comma}"new":${ownText}}`],
        [{ set: { '/old': 'x' } }, withOld, `{"old":"x"${comma}${inside}}`],
        [{ unwrap: 'rest', wrap: 'new' }, `{"old":1,"rest":{${inside}}}`, `{"new":{${inside}}}`],
        [{ template: { a: '{body./old}', b: '{body}' } }, withOld, `{"a":${ownText},"b":${withOld}}`],
      ]
      for (const [edits, before, after] of cases) {
        assert.equal(writeJson(edited(edits, before, 1_000_000).value).toString(), after)
      }
    }),
  )
})

test('replace only what is there, default only what is not, append to arrays and single values', () => {
  check([
    [{ replace: { '/a': 1, '/b': 2 } }, '{"a":0}', '{"a":1}'],
    [{ replace: { '/l/*/x': 1 } }, '{"l":[{"x":0},{}]}', '{"l":[{"x":1},{}]}'],
    [{ replace: { '/l/*': 1 } }, '{"l":[0,2]}', '{"l":[1,1]}'],
    [{ replace: { '/a': '{claim.none}' } }, '{"a":0}', '{}'],
    [{ default: { '/a': 1, '/b/c': 2 } }, '{"a":null}', '{"a":null,"b":{"c":2}}'],
    [{ default: { '/a': '{claim.none}' } }, '{}', '{}'],
    [{ append: { '/a': 1, '/b': [2, 3], '/c': 'x', '/d': '{claim.none}' } }, '{"a":[0],"b":"s"}', '{"a":[0,1],"b":["s",2,3],"c":["x"]}'],
    [{ rename: { '/a': 'b', '/c': '/d' }, taken: 'keep' }, '{"a":1,"b":2,"c":3}', '{"b":2,"d":3}'],
    [{ rename: { '/a': '/b' }, taken: 'keep' }, '{"a":1,"b":2}', '{"b":2}'],
  ])
  const unfit = edited({ append: { '/a': 1 } }, '{"a":{}}')
  assert.ok(unfit.unfit)
})
