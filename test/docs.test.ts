/** What the documents say is true: examples of configurations are right, and links lead somewhere. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

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

/** A block that configures nothing by itself (a policy's options, say) is a fragment and no example. */
function isWhole({ text }: Example): boolean {
  return /^(listeners|services|routes):/m.test(text)
}

/** Runs `turnpike check` on a file and fails with what it says. */
function assertRight(file: string): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['src/main.ts', 'check', file], { cwd: ROOT, encoding: 'utf8' })
  assert.equal(status, 0, `${stdout}${stderr}`)
}

for (const { place, text } of DOCUMENTS.flatMap((file) => fencedBlocks(file, 'yaml')).filter(isWhole)) {
  test(`the configuration at ${place} is right`, (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'turnpike-docs-'))
    context.after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'turnpike.yaml')
    writeFileSync(file, text)
    assertRight(file)
  })
}

for (const file of globSync('examples/*/turnpike.*', { cwd: ROOT })) {
  test(`${file} is right`, () => assertRight(file))
}

test('there are examples to check', () => {
  assert.ok(fencedBlocks('README.md', 'yaml').some(isWhole))
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
