import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleHost, sampleOf, samplePath } from './sample.ts'

for (const [source, sample] of [
  ['/users/\\d+', '/users/7'],
  ['/users/(?<id>[0-9a-f]{8})$', '/users/aaaaaaaa'],
  ['/(?P<name>\\w+)/x', '/a/x'],
  ['/a(?:b|c)?d*', '/abd'],
  ['/[^/]+/[x\\]]', '/a/x'],
  ['/v1\\.2/.*', '/v1.2/a'],
] as const) {
  test(`${source} takes ${sample}`, () => {
    assert.equal(sampleOf(source), sample)
    assert.match(sample, new RegExp(`^${source.replace('?P<', '?<')}`))
  })
}

test('what is beyond it has no sample, and neither has what is no expression', () => {
  for (const source of ['/a(?=b)b', '/(a)\\1', '/a(', '/a\\b', '/\\p{L}', '/[b-']) assert.equal(sampleOf(source), null, source)
})

test('paths are taken as they are, and expressions sampled; hosts have something for their star', () => {
  assert.equal(samplePath('/plain'), '/plain')
  assert.equal(samplePath('~/v\\d'), '/v7')
  assert.equal(samplePath('~x'), null)
  assert.equal(sampleHost('*.example.com'), 'a.example.com')
  assert.equal(sampleHost('example.*:8443'), 'example.org:8443')
})
