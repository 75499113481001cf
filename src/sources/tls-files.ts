import { readFile } from 'node:fs/promises'
import type { RegistryTls } from '../core/discovery.ts'
import { type SourceUrl, SourceUrlError } from './source-url.ts'

/** The parameters of an address that say how to speak TLS: files of PEM, and the name in the store's certificate. */
export const TLS_PARAMETERS = ['ca', 'cert', 'key', 'serverName'] as const

/**
 * Reads the files that an address names, anew each time: they are replaced while a gateway runs.
 * Rejects with a sentence that names the file.
 */
export async function readTls({ parameters, name, isTls }: SourceUrl): Promise<RegistryTls> {
  const named = TLS_PARAMETERS.filter((parameter) => parameters.has(parameter))
  if (!isTls && named.length > 0) throw new SourceUrlError(`${name}: \`${named[0]}\` is for TLS: the address then begins with \`…s://\``)
  if (parameters.has('cert') !== parameters.has('key')) throw new SourceUrlError(`${name}: \`cert\` and \`key\` go together`)
  const [ca, cert, key] = await Promise.all([read(parameters.get('ca')), read(parameters.get('cert')), read(parameters.get('key'))])
  return { ca: ca ?? null, cert: cert ?? null, key: key ?? null, serverName: parameters.get('serverName') ?? null }
}

async function read(file: string | undefined): Promise<string | null> {
  if (file === undefined) return null
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new Error(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
