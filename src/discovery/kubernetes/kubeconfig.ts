import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { isObject, objectsIn } from './objects.ts'

/** Why the API cannot be asked, in words for the operator; never with what a credential is. */
export class AccessError extends Error {
  override readonly name = 'AccessError'
}

/** A text that is given, or stands in a file. */
export type Given = { readonly text: string } | { readonly file: string }

/** What a kubeconfig says of one context. Null where it says nothing. */
export interface KubeconfigContext {
  readonly url: string
  readonly serverName: string | null
  readonly ca: Given | null
  readonly cert: Given | null
  readonly key: Given | null
  readonly token: Given | null
}

type Entry = Readonly<Record<string, unknown>>

/** Ways to authenticate that are not ours, and what to do in place of each. */
const REFUSED_USER_KEYS: Readonly<Record<string, string>> = {
  exec: 'runs a program for its credentials, which the gateway does not: use a token file or a client certificate',
  'auth-provider': 'names an auth-provider plugin, which Kubernetes has given up: use a token file or a client certificate',
  username: 'has a user name and password, which Kubernetes has given up: use a token file or a client certificate',
  as: 'impersonates another user: give that user credentials of its own',
}

/**
 * Reads a kubeconfig (`clusters`, `users`, `contexts`). Files that it names are found beside it.
 *
 * @param context null for the current one
 * @throws AccessError when it cannot be read, names what is not there, or asks for what the gateway refuses: plugins, and TLS that trusts anybody
 * @see https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 */
export function parseKubeconfig(text: string, file: string, context: string | null): KubeconfigContext {
  const root = parseRoot(text, file)
  const name = context ?? textOf(root, 'current-context')
  if (name === null) throw new AccessError(`${file} has no current context: name one`)
  const chosen = entryOf(root, 'context', name, file)
  const clusterName = textOf(chosen, 'cluster')
  if (clusterName === null) throw new AccessError(`${file}: the context \`${name}\` names no cluster`)
  const cluster = entryOf(root, 'cluster', clusterName, file)
  const userName = textOf(chosen, 'user')
  const user = userName === null ? {} : entryOf(root, 'user', userName, file)
  refuse(cluster, user, `${file}: the cluster \`${clusterName}\``, `${file}: the user \`${userName ?? ''}\``)
  const given = (entry: Entry, key: string): Given | null => givenIn(entry, key, file)
  const [cert, key] = [given(user, 'client-certificate'), given(user, 'client-key')]
  if ((cert === null) !== (key === null))
    throw new AccessError(`${file}: the user \`${userName ?? ''}\` has a client certificate or key without the other`)
  const tokenFile = textOf(user, 'tokenFile')
  const token = textOf(user, 'token')
  return {
    url: urlOf(cluster, `${file}: the cluster \`${clusterName}\``),
    serverName: textOf(cluster, 'tls-server-name'),
    ca: given(cluster, 'certificate-authority'),
    cert,
    key,
    token: tokenFile !== null ? { file: besides(file, tokenFile) } : token === null ? null : { text: token },
  }
}

function parseRoot(text: string, file: string): Entry {
  let root: unknown
  try {
    root = parse(text, { maxAliasCount: 100 })
  } catch {
    // The library's message may quote the line, and with it a credential.
    throw new AccessError(`${file} is no YAML`)
  }
  if (!isObject(root)) throw new AccessError(`${file} is no kubeconfig`)
  return root
}

function entryOf(root: Entry, kind: 'cluster' | 'context' | 'user', name: string, file: string): Entry {
  const found = objectsIn(root[`${kind}s`]).find((entry) => entry['name'] === name)?.[kind]
  if (!isObject(found)) throw new AccessError(`${file} has no ${kind} \`${name}\``)
  return found
}

function refuse(cluster: Entry, user: Entry, clusterText: string, userText: string): void {
  if (cluster['insecure-skip-tls-verify'] === true)
    throw new AccessError(
      `${clusterText} says \`insecure-skip-tls-verify\`, which hands the token to anybody: give \`certificate-authority\``,
    )
  if (textOf(cluster, 'proxy-url') !== null) throw new AccessError(`${clusterText} has a \`proxy-url\`, which the gateway does not support`)
  for (const [key, problem] of Object.entries(REFUSED_USER_KEYS)) {
    if (user[key] !== undefined && user[key] !== null && user[key] !== '') throw new AccessError(`${userText} ${problem}`)
  }
}

function urlOf(cluster: Entry, what: string): string {
  const server = textOf(cluster, 'server')
  const url = server === null ? null : URL.parse(server)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '') throw new AccessError(`${what} has no \`server\` URL`)
  return url.href
}

/** `key-data` in Base64 goes before the file that `key` names. */
function givenIn(entry: Entry, key: string, file: string): Given | null {
  const data = textOf(entry, `${key}-data`)
  if (data !== null) return { text: Buffer.from(data, 'base64').toString('utf8') }
  const path = textOf(entry, key)
  return path === null ? null : { file: besides(file, path) }
}

function besides(file: string, path: string): string {
  return resolve(dirname(file), path)
}

function textOf(entry: Entry, key: string): string | null {
  const value = entry[key]
  return typeof value === 'string' && value !== '' ? value : null
}
