import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const INSTALL_TIMEOUT_MS = 180_000

const reasons = new Map<string, string>()

/**
 * The path of a program that tests need, installed from Debian's packages when it is missing and we may (as root, or in CI).
 * @returns null when it cannot be had; {@link missingReason} then says why, for the test's skip.
 */
export function ensureDebianProgram(program: string, ...debianPackages: readonly string[]): string | null {
  const found = findOnPath(program)
  if (found !== null) return found
  if (reasons.has(program)) return null
  const reason = install(debianPackages)
  const installed = findOnPath(program)
  if (installed === null) reasons.set(program, reason ?? `the package ${debianPackages.join(' or ')} holds no program ${program}`)
  return installed
}

/** Why {@link ensureDebianProgram} gave null for this program. */
export function missingReason(program: string): string {
  return `${program} is not installed: ${reasons.get(program) ?? 'it was not asked for'}`
}

/** @returns a sentence when the package cannot be installed, else null. */
function install(debianPackages: readonly string[]): string | null {
  const isRoot = process.getuid?.() === 0
  if (!isRoot && process.env['CI'] === undefined) return `run "apt-get install ${debianPackages.join(' ')}", which needs root`
  const words = ['install', '--yes', '--no-install-recommends', ...debianPackages]
  const first = aptGet(isRoot, words)
  if (first === null) return null
  // A machine whose lists are missing or old finds no package.
  return aptGet(isRoot, ['update']) ?? aptGet(isRoot, words)
}

/** @returns a sentence when it fails, else null. */
function aptGet(isRoot: boolean, words: readonly string[]): string | null {
  const [command, ...prefix] = isRoot ? ['apt-get'] : ['sudo', '--non-interactive', 'apt-get']
  // Test files run side by side, and several may install at once.
  const args = [...prefix, '-o', 'DPkg::Lock::Timeout=150', ...words]
  const { status, error, stderr } = spawnSync(command ?? 'apt-get', args, {
    encoding: 'utf8',
    timeout: INSTALL_TIMEOUT_MS,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  if (error !== undefined) return error.message
  return status === 0 ? null : `apt-get failed: ${stderr.trim().split('\n').at(-1) ?? ''}`
}

function findOnPath(program: string): string | null {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
    if (folder === '') continue
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not here.
    }
  }
  return null
}
