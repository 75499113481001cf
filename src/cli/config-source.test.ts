import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkDocuments } from './config-source.ts'

const STORE = 'etcd://host:2379/gateway/routes'

test('a store whose documents say nothing is an emptied one, also where a file has routes', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'turnpike-check-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'base.yaml')
  await writeFile(file, 'routes: { root: { path: /, policies: { static-response: { body: base } } } }\n')
  const check = (...texts: string[]) =>
    checkDocuments([file, { name: STORE, fragments: texts.map((text, i) => ({ name: `${STORE}${i}`, text })) }], { env: {} })
  for (const texts of [[], [''], ['\n', '# moved\n'], ['---\n{ } # nothing\n'], ['null']]) {
    const { ir, problems } = await check(...texts)
    assert.equal(ir, null, JSON.stringify(texts))
    assert.match(problems[0]?.message ?? '', /^the store holds no document here/)
  }
  for (const texts of [['', 'workers: 1'], ['allowEmpty: true']]) assert.notEqual((await check(...texts)).ir, null)
})
