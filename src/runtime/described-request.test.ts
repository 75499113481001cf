import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headOf } from './described-request.ts'

function linesOf(url: string, headers: readonly string[] = [], method = 'GET'): string[] {
  const head = headOf({ method, url, headers }, 'localhost:8080')
  assert.ok(!('problem' in head), 'problem' in head ? head.problem : '')
  return head.toString().split('\r\n').slice(0, -2)
}

function problemOf(url: string, headers: readonly string[] = [], method = 'GET'): string {
  const head = headOf({ method, url, headers }, 'localhost:8080')
  return 'problem' in head ? head.problem : 'none'
}

test('a URL becomes a path and a Host, without its fragment', () => {
  assert.deepEqual(linesOf('https://shop.example:8443/a/b?c=d#e'), ['GET /a/b?c=d HTTP/1.1', 'Host: shop.example:8443'])
  assert.deepEqual(linesOf('http://shop.example'), ['GET / HTTP/1.1', 'Host: shop.example'])
  assert.deepEqual(linesOf('http://shop.example?a=b'), ['GET /?a=b HTTP/1.1', 'Host: shop.example'])
})

test('a path alone goes to the gateway under its own name', () => {
  assert.deepEqual(linesOf('/a?b', [], 'DELETE'), ['DELETE /a?b HTTP/1.1', 'Host: localhost:8080'])
})

test('a Host header counts for more than the host of the URL', () => {
  assert.deepEqual(linesOf('http://a.example/', ['host: b.example', 'Accept:text/html']), [
    'GET / HTTP/1.1',
    'host: b.example',
    'Accept: text/html',
  ])
})

test('what a URL may not hold is encoded, and dot segments stay', () => {
  assert.equal(linesOf('/a/../grüße und so?q=€')[0], 'GET /a/../gr%C3%BC%C3%9Fe%20und%20so?q=%E2%82%AC HTTP/1.1')
  assert.equal(linesOf('/a<b>?q={"c":[1|2]}')[0], 'GET /a%3Cb%3E?q=%7B%22c%22:[1%7C2]%7D HTTP/1.1')
})

test('what would end a line, or is no request, is told', () => {
  assert.match(problemOf('/', ['A: b\r\nC: d']), /is no header/)
  assert.match(problemOf('/', ['no colon']), /is no header: expected 'Name: value'/)
  assert.match(problemOf('/', ['a b: c']), /is no header/)
  assert.match(problemOf('/', [], 'GE T'), /is no method/)
  assert.match(problemOf('a/b'), /neither a URL nor a path, which begins with \//)
  assert.match(problemOf(''), /neither a URL nor a path/)
  assert.match(problemOf('ftp://a/b'), /neither a URL nor a path/)
  assert.match(problemOf('http://a b/'), /is no host/)
})
