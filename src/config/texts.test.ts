import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  addressBlockProblem,
  hostPatternProblem,
  listenHostProblem,
  parseAddress,
  parseHostPattern,
  serviceHostProblem,
  storeAddressProblem,
} from './addresses.ts'
import { pathProblem, valueMatchProblem } from './paths.ts'

test('an address is read in each of its forms', () => {
  assert.deepEqual(parseAddress('users.internal:80'), { host: 'users.internal', port: 80, scheme: null })
  assert.deepEqual(parseAddress('[::1]:8080'), { host: '::1', port: 8080, scheme: null })
  assert.deepEqual(parseAddress('http://h:81'), { host: 'h', port: 81, scheme: 'http' })
  assert.deepEqual(parseAddress('http://h/'), { host: 'h', port: 80, scheme: 'http' })
  assert.deepEqual(parseAddress('https://h'), { host: 'h', port: 443, scheme: 'https' })
  assert.deepEqual(parseAddress('https://h:1'), { host: 'h', port: 1, scheme: 'https' })
  assert.deepEqual(parseAddress('my_service:1'), { host: 'my_service', port: 1, scheme: null })
})

test('what is no address is refused', () => {
  for (const wrong of [
    '',
    'h',
    'h:',
    'h:0',
    'h:65536',
    'h:1/',
    ':1',
    '::1:80',
    '[::1]',
    '[h]:1',
    'h2c://h:1',
    'http://h/a',
    'u@h:1',
    '10.0.0.256:1',
    '1:1',
    'a..b:1',
    '-a:1',
    'h:1x',
  ]) {
    assert.equal(parseAddress(wrong), null, wrong)
  }
})

test('a store has a host and a port, and a URL is told where its parts go without being repeated', () => {
  for (const good of ['redis:6379', '[::1]:6379', '10.0.0.1:1']) assert.equal(storeAddressProblem(good), null, good)
  for (const wrong of ['redis', 'http://redis:6379', 'http://redis']) assert.notEqual(storeAddressProblem(wrong), null, wrong)
  assert.doesNotMatch(storeAddressProblem('redis://:hidden@redis:6379/2') ?? 'hidden', /hidden/)
})

test('a host pattern is a host in lower case with at most one star or two for labels before it or behind it', () => {
  assert.equal(parseHostPattern('API.Example.com.'), 'api.example.com')
  assert.equal(parseHostPattern('*.example.com'), '*.example.com')
  assert.equal(parseHostPattern('[::1]'), '[::1]')
  for (const good of ['**.example.com', 'example.**', '10.**']) assert.equal(parseHostPattern(good), good)
  for (const wrong of [
    '',
    '*',
    '**',
    '*.**',
    '**.a.**',
    'a..**',
    'a**',
    'a.*',
    'a.*.com',
    '*example.com',
    'example.com:80',
    'a b',
    '*.10.0.0.1',
    '[x]',
  ])
    assert.notEqual(hostPatternProblem(wrong), null, wrong)
})

test('blocks, listening addresses and fixed hosts are checked', () => {
  for (const good of ['10.0.0.0/8', '::1', 'fd00::/8', '127.0.0.1']) assert.equal(addressBlockProblem(good), null, good)
  for (const wrong of ['10.0.0.0/33', '10.0.0/8', '::/129', 'h', '1.2.3.4/', '1.2.3.4/8/8'])
    assert.notEqual(addressBlockProblem(wrong), null, wrong)
  for (const good of ['0.0.0.0', '::', 'localhost']) assert.equal(listenHostProblem(good), null, good)
  assert.notEqual(listenHostProblem('a/b'), null)
  for (const good of ['client', 'target', 'api.example.com', 'api.example.com:8443', '[::1]', '[::1]:80'])
    assert.equal(serviceHostProblem(good), null, good)
  for (const wrong of ['a b', 'http://h', 'h:1:2', 'h:']) assert.notEqual(serviceHostProblem(wrong), null, wrong)
})

test('paths that a request can have are accepted', () => {
  for (const good of [
    '/',
    '/a',
    '/a/',
    '/a/*',
    '/*',
    '/a/:id',
    '/a/:id/b/*',
    '/a%20b',
    '/käse',
    '/a//b',
    '/...',
    '~^/v[0-9]+/(?P<id>.*)$',
    '/a.b',
  ]) {
    assert.equal(pathProblem(good), null, good)
  }
})

test('paths that could never be met, or mean two things, are refused', () => {
  for (const wrong of [
    '',
    'a',
    '/a?b',
    '/a#b',
    '/a/*/b',
    '/a*',
    '/a/:id/:id',
    '/a/:1',
    '/a/x:id',
    '/a/./b',
    '/a/..',
    '/%41',
    '/a%2db',
    '/%zz',
    '/a\\b',
    '~(',
    '~(?=a)',
  ]) {
    const found = pathProblem(wrong)
    // A colon within a segment is plain text.
    if (wrong === '/a/x:id') assert.equal(found, null)
    else assert.notEqual(found, null, wrong)
  }
})

test('only what begins with a tilde is a regular expression', () => {
  assert.equal(valueMatchProblem('(plain'), null)
  assert.notEqual(valueMatchProblem('~(open'), null)
})
