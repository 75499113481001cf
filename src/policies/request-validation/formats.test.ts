import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NUMBER_FORMATS, TEXT_FORMATS } from './formats.ts'

const TABLE: Readonly<Record<string, { readonly good: readonly string[]; readonly bad: readonly string[] }>> = {
  date: {
    good: ['2024-02-29', '2000-02-29', '0000-01-01'],
    bad: ['2023-02-29', '1900-02-29', '2023-13-01', '2023-00-01', '2023-1-1', '2023-04-31', '2023-01-01T'],
  },
  time: {
    good: ['00:00:00Z', '23:59:59.123+01:30', '23:59:60Z', '00:59:60+01:00', '15:59:60-08:00', '12:00:00z'],
    bad: ['24:00:00Z', '12:60:00Z', '12:00:00', '12:00:60Z', '12:00:61Z', '12:00:00+24:00', '12:00Z', '12:00:00.Z', '23:59:60+01:00'],
  },
  'date-time': {
    good: ['2026-01-01T00:00:00Z', '2026-01-01t00:00:00.5-07:00'],
    bad: ['2026-01-01 00:00:00Z', '2026-01-01', '2026-02-30T00:00:00Z', ''],
  },
  duration: {
    good: ['P1Y', 'P1M2D', 'PT1H', 'P1DT1S', 'P4W', 'PT36H', 'P1Y2M3DT4H5M6S'],
    bad: ['P', 'PT', '1D', 'P1W2D', 'P1S', 'PT1D', 'P-1D', 'P1Y2D', 'PT1H2S'],
  },
  email: {
    good: ['a@b', 'joe.bloggs+x@example.com', "o'neil@example.org"],
    bad: ['@b', 'a@', 'a..b@c', '.a@b', 'a b@c', `${'a'.repeat(65)}@b`, 'a@b_c', 'a@b@c'],
  },
  hostname: {
    good: ['a', 'example.com', 'xn--4gbwdl.xn--wgbh1c', 'a-b.c1'],
    bad: ['-a', 'a-', 'a..b', '', 'a_b', `${'a'.repeat(64)}.com`, 'a.'],
  },
  ipv4: { good: ['127.0.0.1', '255.255.255.255'], bad: ['256.0.0.1', '1.2.3', '01.2.3.4', '1.2.3.4/8', '0x7f.1'] },
  ipv6: { good: ['::1', '2001:db8::1', '::ffff:1.2.3.4'], bad: ['::g', '1.2.3.4', 'fe80::1%eth0', ':::1', '1:2'] },
  uri: {
    good: [
      'https://example.com/a?b=c#d',
      'urn:isbn:0451450523',
      'http://[::1]:80/',
      'http://u:p@h/',
      'mailto:a@b',
      'http://a/b%20c',
      'ldap://[2001:db8::7]/c=GB?o?x',
      'http://',
    ],
    bad: [
      '//a',
      '/a',
      'a',
      '',
      'http://a b',
      'http://[::1',
      'http://[x]/',
      'http://a/%zz',
      'http://a/[b]',
      'http://a#b#c',
      'http://é',
      '1http://a',
      'http://a:b/',
      'http://a@b@c/',
      'http://a/?[x]',
    ],
  },
  'uri-reference': {
    good: ['/a', 'a', '', '//h/p', '?q', '#f', '../x', 'a/b:c', 'https://a/'],
    bad: ['a b', '\\\\x', '#a#b', '1a:b', '//[x]/', ':a'],
  },
  uuid: {
    good: ['2eb8aa08-aa98-11ea-b4aa-73b441d16380', '00000000-0000-0000-0000-000000000000'],
    bad: ['2eb8aa08aa9811eab4aa73b441d16380', '2eb8aa08-aa98-11ea-b4aa-73b441d1638', 'urn:uuid:2eb8aa08-aa98-11ea-b4aa-73b441d16380'],
  },
  'json-pointer': { good: ['', '/a~0b/~1', '/'], bad: ['a', '/~2', '/~'] },
  regex: { good: ['^a+$', '\\u00e9', '[\\w-]'], bad: ['(', '(?=a)', '\\1'] },
  byte: { good: ['', 'YQ==', 'YWJj'], bad: ['YQ', 'Y===', 'YQ=a', 'Y Q='] },
  binary: { good: ['\u0000'], bad: [] },
  password: { good: ['x'], bad: [] },
}

test('formats of text accept what their standards do', () => {
  assert.deepEqual(Object.keys(TABLE).toSorted(), Object.keys(TEXT_FORMATS).toSorted())
  for (const [format, { good, bad }] of Object.entries(TABLE)) {
    for (const text of good) assert.equal(TEXT_FORMATS[format]?.(text), true, `${format} ${text}`)
    for (const text of bad) assert.equal(TEXT_FORMATS[format]?.(text), false, `${format} ${text}`)
  }
})

test('formats of numbers are ranges', () => {
  const { int32, int64, float, double } = NUMBER_FORMATS
  assert.deepEqual(
    [2 ** 31 - 1, -(2 ** 31), 2 ** 31, 0.5].map((value) => int32?.(value)),
    [true, true, false, false],
  )
  assert.deepEqual(
    [2 ** 53, -(2 ** 63), 1e300, 1.5].map((value) => int64?.(value)),
    [true, true, false, false],
  )
  assert.deepEqual(
    [0.1, 1e39].map((value) => float?.(value)),
    [true, false],
  )
  assert.equal(double?.(1e300), true)
})

test('no format goes back and forth over a long text', () => {
  const parts = ['a', '1', '.', '-', ':', '/', '@', '%41', '~0', 'P1Y', '[', '=', '0:']
  for (const [format, matches] of Object.entries(TEXT_FORMATS)) {
    if (format === 'regex') continue
    for (const part of parts) for (const tail of ['', '\n', '!', '\u0000']) matches(part.repeat(60_000) + tail)
  }
})
