// Installs what a clone needs, once: runs before every npm script, and is done in a few milliseconds when nothing has changed.
// Plain JavaScript without dependencies, because it starts on whatever Node is there (20 or later); what follows runs on Node 26.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MAJOR_MIN = 26
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const STAMP = join(ROOT, 'node_modules', '.turnpike-setup')
const PINNED_NODE = join(ROOT, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node')

/** Ends with one sentence that says what is wrong and what to do. */
function fail(sentence) {
  process.stderr.write(`Turnpike setup: ${sentence}\n`)
  process.exit(1)
}

/** What the installed tree depends on: the lock, and the machine that platform packages were chosen for. */
function fingerprint(lockText) {
  return createHash('sha256').update(`${process.platform} ${process.arch} ${ROOT}\n${lockText}`).digest('hex')
}

/**
 * Names a dependency on which package.json and the lock differ, or null. `npm install` would settle such a difference quietly
 * with a version that nobody has locked; `npm ci` refuses it, but it also refuses a lock without every other platform's packages.
 */
function firstDifference(lock) {
  for (const [folder, entry] of Object.entries(lock.packages)) {
    if (folder.startsWith('node_modules/') || folder.includes('/node_modules/')) continue
    const file = join(ROOT, folder, 'package.json')
    if (!existsSync(file)) return join(folder, 'package.json')
    const wanted = JSON.parse(readFileSync(file, 'utf8'))
    for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies']) {
      const left = wanted[kind] ?? {}
      const right = entry[kind] ?? {}
      for (const name of Object.keys({ ...left, ...right })) if (left[name] !== right[name]) return name
    }
  }
  return null
}

/** Runs npm, with a running clock on a terminal. Resolves with what it wrote when it fails, with null when all is well. */
function install() {
  // The npm that called us, if any: it need not be the one on the PATH.
  const npmScript = process.env.npm_execpath?.endsWith('.js') ? process.env.npm_execpath : null
  const flags = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']
  const [command, args] = npmScript ? [process.execPath, [npmScript, ...flags]] : ['npm', flags]
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], shell: !npmScript && process.platform === 'win32' })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))

  const startedAt = Date.now()
  const frames = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'
  let frame = 0
  const draw = () => {
    const seconds = Math.round((Date.now() - startedAt) / 1000)
    process.stderr.write(
      `\r${frames[frame++ % frames.length]} Installing Turnpike's dependencies and Node ${NODE_MAJOR_MIN} … ${seconds} s`,
    )
  }
  const timer = process.stderr.isTTY ? setInterval(draw, 100) : null
  return new Promise((resolve) => {
    const finish = (problem) => {
      clearInterval(timer)
      if (timer) process.stderr.write('\r\x1b[K')
      resolve(problem)
    }
    child.on('error', (error) => finish(error.message))
    child.on('close', (code, signal) => finish(code === 0 ? null : output.trim() || `npm ended with ${signal ?? `status ${code}`}`))
  })
}

/** The version of the Node that npm scripts will run on: the pinned one, or the one on the PATH where there is no package for this machine. */
function scriptNodeVersion() {
  if (!existsSync(PINNED_NODE)) return process.versions.node
  const result = spawnSync(PINNED_NODE, ['--version'], { encoding: 'utf8', shell: process.platform === 'win32' })
  return result.status === 0 ? result.stdout.trim().slice(1) : `that does not start (${result.error?.message ?? result.stderr.trim()})`
}

const lockText = readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
const wanted = fingerprint(lockText)
const installed = existsSync(STAMP) ? readFileSync(STAMP, 'utf8') : ''

if (installed !== wanted || !existsSync(PINNED_NODE)) {
  const difference = firstDifference(JSON.parse(lockText))
  if (difference) {
    fail(`package-lock.json does not agree with package.json on ${difference}; see "The lock" in CONTRIBUTING.md.`)
  }
  const startedAt = Date.now()
  const problem = await install()
  if (problem) fail(`npm could not install the dependencies.\n${problem}`)

  const version = scriptNodeVersion()
  if (!(Number.parseInt(version, 10) >= NODE_MAJOR_MIN)) {
    fail(
      `Turnpike needs Node ${NODE_MAJOR_MIN} or later and found ${version}; ` +
        'install without --omit=optional, or put a newer Node first on the PATH.',
    )
  }
  writeFileSync(STAMP, wanted)
  process.stdout.write(`Turnpike setup: installed in ${((Date.now() - startedAt) / 1000).toFixed(1)} s, Node ${version}\n`)
}
