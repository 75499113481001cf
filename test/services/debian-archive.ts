import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const CACHE = join(import.meta.dirname, '../../.cache/debian')
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
const COMMAND_TIMEOUT_MS = 180_000

/** The path of a program, or why it cannot be had. */
export type UnpackedProgram = { readonly path: string } | { readonly missing: string }

/**
 * A program from a release of Debian other than the one that runs: its package is fetched from the mirror that apt is configured with, proved
 * by Debian's key, and unpacked into `.cache`, once. Nothing is installed, and root is not needed.
 *
 * @param codename of the release that has it, `bullseye`
 * @param path of the program in the package, `usr/bin/consul`
 */
export function unpackDebianProgram(debianPackage: string, codename: string, path: string): UnpackedProgram {
  const folder = join(CACHE, `${codename}-${debianPackage}`)
  const program = join(folder, path)
  if (existsSync(program)) return { path: program }
  mkdirSync(CACHE, { recursive: true })
  const work = mkdtempSync(join(CACHE, 'work-'))
  try {
    fetchInto(work, debianPackage, codename)
    try {
      renameSync(join(work, 'files'), folder)
    } catch (error) {
      // Another test file may have been faster.
      if (!existsSync(program)) throw error
    }
    return existsSync(program) ? { path: program } : { missing: `the package ${debianPackage} holds no ${path}` }
  } catch (error) {
    return { missing: `${debianPackage} of ${codename} cannot be had: ${error instanceof Error ? error.message : String(error)}` }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function fetchInto(work: string, debianPackage: string, codename: string): void {
  if (!existsSync(KEYRING)) throw new Error(`there is no ${KEYRING}`)
  const indexes = run('apt-get', ['indextargets', '--format', '$(ORIGIN) $(CREATED_BY) $(CODENAME) $(SITE)'], work)
  // The first: not that of updates or of security fixes, which carries their release only.
  const site = /^Debian Packages [a-z]+ (\S+)$/m.exec(indexes)?.[1]
  if (site === undefined) throw new Error('apt is not configured with a mirror of Debian')
  for (const folder of ['state/lists/partial', 'cache/archives/partial']) mkdirSync(join(work, folder), { recursive: true })
  writeFileSync(join(work, 'status'), '')
  writeFileSync(join(work, 'sources.list'), `deb [signed-by=${KEYRING}] ${site} ${codename} main\n`)
  const settings = [
    `Dir::Etc::SourceList=${join(work, 'sources.list')}`,
    'Dir::Etc::SourceParts=/dev/null',
    `Dir::State=${join(work, 'state')}`,
    `Dir::State::status=${join(work, 'status')}`,
    `Dir::Cache=${join(work, 'cache')}`,
    'APT::Sandbox::User=',
    'Acquire::Languages=none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
    // An old release says of itself how long it is good for.
    'Acquire::Check-Valid-Until=false',
  ].flatMap((setting) => ['-o', setting])
  run('apt-get', [...settings, 'update'], work)
  run('apt-get', [...settings, 'download', debianPackage], work)
  run('sh', ['-c', 'dpkg -x ./*.deb files'], work)
}

/** @returns what it writes. Throws with the last line of its complaint. */
function run(command: string, args: readonly string[], cwd: string): string {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${command} failed: ${stderr.trim().split('\n').at(-1) ?? ''}`)
  return stdout
}
