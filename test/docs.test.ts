/** What the documents say is true: examples of configurations are right, and links lead somewhere. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { POLICIES } from '../src/policies/index.ts'
import { Authority, certificatesMissing } from './services/certificates.ts'

const ROOT = join(import.meta.dirname, '..')
const DOCUMENTS = globSync(['*.md', 'docs/**/*.md', 'src/**/README.md', 'examples/**/*.md'], { cwd: ROOT })

interface Example {
  /** `README.md:21` */
  readonly place: string
  readonly text: string
}

/** The fenced blocks of a document in a language, with the line they begin at. */
function fencedBlocks(file: string, language: string): Example[] {
  const document = readFileSync(join(ROOT, file), 'utf8')
  const fence = new RegExp(`^(?<indent> *)\`\`\`${language}\\n(?<text>.*?)^ *\`\`\`$`, 'gms')
  return [...document.matchAll(fence)].map((match) => ({
    place: `${file}:${document.slice(0, match.index).split('\n').length + 1}`,
    text: (match.groups?.['text'] ?? '').replaceAll(new RegExp(`^${match.groups?.['indent'] ?? ''}`, 'gm'), ''),
  }))
}

const KINDS = new Set(POLICIES.map(({ kind }) => kind))
const ROOT_KEYS = new Set([
  'listeners',
  'services',
  'routes',
  'policies',
  'consumers',
  'stores',
  'registries',
  'limits',
  'admin',
  'metrics',
  'decisions',
  'drainDelay',
  'drainTimeout',
  'drainSpread',
  'allowEmpty',
  'accessLog',
  'eventLog',
  'tracing',
])

/**
 * The configuration that an example means: itself, or, where it shows policies alone, a configuration in which they are in force. Null for
 * a block that is neither.
 */
function wholeOf({ text }: Example): string | null {
  const keys = [...text.matchAll(/^([A-Za-z][\w-]*):/gm)].map((match) => match[1] ?? '')
  if (keys.length === 0) return null
  if (keys.every((key) => KINDS.has(key))) return withSurroundings(`policies:\n${text.replaceAll(/^(?=.)/gm, '  ')}`)
  return keys.every((key) => ROOT_KEYS.has(key)) ? withSurroundings(text) : null
}

/** With the services and the store that an example names and does not show. */
function withSurroundings(text: string): string {
  const has = (key: string): boolean => new RegExp(`^${key}:`, 'm').test(text)
  const names = new Set([...text.matchAll(/\bservice: ([\w-]+)/g)].map((match) => match[1] ?? ''))
  const services = [...names].map((name, index) => `  ${name}: { targets: ["127.0.0.1:${9001 + index}"] }\n`).join('')
  return [
    text,
    services === '' || has('services') ? '' : `services:\n${services}`,
    text.includes('store: redis') && !has('stores') ? 'stores: { redis: { address: "127.0.0.1:6379" } }\n' : '',
  ].join('')
}

/** Puts the certificates and keys that an example names beside it: the same pair under every name. */
function placeCertificates(text: string, folder: string): void {
  const names = new Set([...text.matchAll(/\b(?:cert|key|ca): ([\w-]+\.(?:pem|key))\b/g)].map(([, name = '']) => name))
  if (names.size === 0) return
  const authority = new Authority()
  const { cert, key } = authority.forServer()
  for (const name of names) writeFileSync(join(folder, name), name.endsWith('.key') ? key : name.startsWith('ca') ? authority.cert : cert)
}

/** Puts the WSDL of the example beside a configuration that names it. */
function placeWsdl(text: string, folder: string): void {
  if (!text.includes('stock.wsdl')) return
  for (const name of ['stock.wsdl', 'stock.xsd']) copyFileSync(join(ROOT, 'examples', 'soap', name), join(folder, name))
}

/** Puts a .proto file of the example beside a configuration that names one. */
function placeProtos(text: string, folder: string): void {
  for (const [, path = ''] of text.matchAll(/\bproto: \[?((?:\w+\/)*\w+\.proto)\b/g)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    copyFileSync(join(ROOT, 'examples', 'grpc-transcoding', 'library.proto'), join(folder, path))
  }
}

/** Runs `turnpike check` on a file, with every variable it names set, and fails with what it says. */
function assertRight(file: string): void {
  const names = [...readFileSync(file, 'utf8').matchAll(/\$\{env:(\w+)\}/g)].map((match) => match[1] ?? '')
  const env = { ...process.env, ...Object.fromEntries(names.map((name) => [name, `${name}-${'x'.repeat(40)}`])) }
  const { status, stdout, stderr } = spawnSync(process.execPath, ['src/main.ts', 'check', file], { cwd: ROOT, encoding: 'utf8', env })
  assert.equal(status, 0, `${stdout}${stderr}`)
}

for (const example of DOCUMENTS.flatMap((file) => fencedBlocks(file, 'yaml'))) {
  const text = wholeOf(example)
  if (text === null) continue
  const { place } = example
  const skip = /\.pem\b/.test(text) ? certificatesMissing : false
  test(`the configuration at ${place} is right`, { skip }, (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'turnpike-docs-'))
    context.after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'turnpike.yaml')
    writeFileSync(file, text)
    placeCertificates(text, folder)
    placeWsdl(text, folder)
    placeProtos(text, folder)
    assertRight(file)
  })
}

for (const file of globSync('examples/*/turnpike.*', { cwd: ROOT })) {
  test(`${file} is right`, () => assertRight(join(ROOT, file)))
}

test('there are examples to check', () => {
  assert.ok(fencedBlocks('README.md', 'yaml').some((example) => wholeOf(example) !== null))
})

/** The heading's anchor, as GitHub makes it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-')
}

function hasAnchor(file: string, anchor: string): boolean {
  const document = readFileSync(file, 'utf8')
  return (
    document.includes(`id="${anchor}"`) || [...document.matchAll(/^#+ (.*)$/gm)].some(([, heading = '']) => anchorOf(heading) === anchor)
  )
}

test('relative links lead to files and headings that exist', () => {
  const broken = DOCUMENTS.flatMap((document) => {
    const text = readFileSync(join(ROOT, document), 'utf8').replaceAll(/^```.*?^```$/gms, '')
    return [...text.matchAll(/\]\((?!https?:|mailto:)([^)\s]*)\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => {
        const [path = '', anchor] = link.split('#')
        const target = path === '' ? join(ROOT, document) : join(ROOT, dirname(document), path)
        return !existsSync(target) || (anchor !== undefined && target.endsWith('.md') && !hasAnchor(target, anchor))
      })
      .map((link) => `${document}: ${link}`)
  })
  assert.deepEqual(broken, [])
})
