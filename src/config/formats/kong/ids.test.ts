import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entityId, routePartId } from './ids.ts'

// As they stand in Kong's own tests of its DB-less mode.
const KNOWN = [
  ['services', 'my-service', '0855b320-0dd2-547d-891d-601e9b38647f'],
  ['routes', 'my-route', '481a9539-f49c-51b6-b2e2-fe99ee68866c'],
  ['consumers', 'my-user', '4b1b701d-de2b-5588-9aa2-3b97061d9f52'],
  ['keyauth_credentials', 'my-key', '487ab43c-b2c9-51ec-8da5-367586ea2b61'],
] as const

test('ids of entities are those that Kong gives', () => {
  for (const [kind, key, id] of KNOWN) assert.equal(entityId(kind, key), id)
})

test('each part of a route has an id of its own, the same each time', () => {
  const route = entityId('routes', 'my-route')
  assert.equal(routePartId(route, 1), routePartId(route, 1))
  assert.notEqual(routePartId(route, 1), routePartId(route, 2))
})
