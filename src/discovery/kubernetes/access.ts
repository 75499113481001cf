import { readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import type { KubernetesApi, RegistryTls } from '../../core/discovery.ts'
import { AccessError, type Given, parseKubeconfig } from './kubeconfig.ts'

/** Where Kubernetes puts the credentials of a pod. */
export const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount'

/** How the API is reached, as all files say at one moment. */
export interface ApiAccess {
  readonly url: string
  readonly tls: RegistryTls
  readonly token: string | null
}

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads all that says how the API is reached, anew: token and certificate files are replaced while a gateway runs.
 * Rejects with an {@link AccessError}.
 */
export async function readAccess(api: KubernetesApi, env: Environment, serviceAccountFolder: string): Promise<ApiAccess> {
  const access = api.kind === 'in-cluster' ? await ofPod(env, serviceAccountFolder) : await ofKubeconfig(api.file, api.context)
  const { url, token, tls } = access
  if (url.startsWith('http:') && (token !== null || tls.key !== null))
    throw new AccessError(`${url} is not \`https\`: credentials are not sent in the clear`)
  // It would break the header that it stands in; its value is not told.
  if (token !== null && !/^[\x21-\x7e]+$/.test(token))
    throw new AccessError('the token is no token: it has spaces, line ends or other signs')
  return access
}

async function ofPod(env: Environment, folder: string): Promise<ApiAccess> {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? ''
  const port = env['KUBERNETES_SERVICE_PORT'] ?? ''
  if (host === '' || port === '')
    throw new AccessError('this is no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; name a `kubeconfig`')
  const [token, ca] = await Promise.all([read(join(folder, 'token')), read(join(folder, 'ca.crt'))])
  return {
    url: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    tls: { ca, cert: null, key: null, serverName: null },
    token: token.trim(),
  }
}

async function ofKubeconfig(file: string, context: string | null): Promise<ApiAccess> {
  const found = parseKubeconfig(await read(file), file, context)
  const [ca, cert, key, token] = await Promise.all([found.ca, found.cert, found.key, found.token].map(textOf))
  return {
    url: found.url,
    tls: { ca: ca ?? null, cert: cert ?? null, key: key ?? null, serverName: found.serverName },
    token: token?.trim() ?? null,
  }
}

async function textOf(given: Given | null): Promise<string | null> {
  if (given === null) return null
  return 'text' in given ? given.text : read(given.file)
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new AccessError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}
