/**
 * Kubernetes as tests see it: an API of their own, and the one that the environment variable TURNPIKE_KUBECONFIG names a kubeconfig of. There the
 * tests make a namespace `turnpike-test-…` and remove it at their end; they need rights on namespaces, services, configmaps and endpointslices.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KubernetesApi } from '../../src/core/discovery.ts'
import { readAccess } from '../../src/discovery/kubernetes/access.ts'
import { RegistryClient } from '../../src/discovery/registry-client.ts'
import { KubernetesApiServer } from './kubernetes-api.ts'
import type { NewObject } from './kubernetes-store.ts'

export type Resource = 'services' | 'endpointslices' | 'configmaps'

/** A namespace of a cluster, for one test. */
export interface Cluster {
  readonly api: KubernetesApi
  readonly namespace: string
  apply(resource: Resource, object: NewObject): Promise<void>
  remove(resource: Resource, name: string): Promise<void>
}

interface AfterHook {
  after(run: () => Promise<void> | void): void
}

export interface ClusterKind {
  readonly name: string
  readonly open: (t: AfterHook) => Promise<Cluster>
}

const kubeconfigFile = process.env['TURNPIKE_KUBECONFIG']

/** Those that there are; tests are made for each. */
export const CLUSTERS: readonly ClusterKind[] = [
  { name: 'an API of our own', open: openOwn },
  ...(kubeconfigFile === undefined ? [] : [{ name: kubeconfigFile, open: (t: AfterHook) => openReal(t, kubeconfigFile) }]),
]

/** A folder that goes with the test. */
export function temporaryFolder(t: AfterHook): string {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-kubernetes-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A kubeconfig for a server, with a token that it knows. @returns its path */
export function writeKubeconfig(t: AfterHook, server: KubernetesApiServer, token = 'let-me-in'): string {
  const file = join(temporaryFolder(t), 'kubeconfig')
  server.tokens.set(token, 'gateway')
  writeFileSync(file, JSON.stringify(server.kubeconfigOf({ token })))
  return file
}

async function openOwn(t: AfterHook): Promise<Cluster> {
  const server = await KubernetesApiServer.start(t)
  return {
    api: { kind: 'kubeconfig', file: writeKubeconfig(t, server), context: null },
    namespace: 'shop',
    apply: async (resource, object) => server.store.put(resource, 'shop', object),
    remove: async (resource, name) => server.store.remove(resource, 'shop', name),
  }
}

const PATHS: Readonly<Record<Resource, string>> = {
  services: 'api/v1',
  configmaps: 'api/v1',
  endpointslices: 'apis/discovery.k8s.io/v1',
}
const TYPES: Readonly<Record<Resource, { readonly kind: string; readonly apiVersion: string }>> = {
  services: { kind: 'Service', apiVersion: 'v1' },
  configmaps: { kind: 'ConfigMap', apiVersion: 'v1' },
  endpointslices: { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1' },
}

async function openReal(t: AfterHook, file: string): Promise<Cluster> {
  const api: KubernetesApi = { kind: 'kubeconfig', file, context: null }
  const { url, tls, token } = await readAccess(api, {}, '')
  const client = new RegistryClient(url, tls)
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const ask = async (method: string, path: string, type: string, body?: unknown): Promise<void> => {
    const options = { timeoutMs: 30_000, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
    const { status, text } = await client.request(method, path, { ...headers, 'content-type': type }, options)
    assert.ok(status < 300 || (method === 'DELETE' && status === 404), `${method} ${path}: ${status} ${text}`)
  }
  const namespace = `turnpike-test-${crypto.randomUUID().slice(0, 8)}`
  await ask('POST', '/api/v1/namespaces', 'application/json', { kind: 'Namespace', apiVersion: 'v1', metadata: { name: namespace } })
  t.after(async () => {
    await ask('DELETE', `/api/v1/namespaces/${namespace}`, 'application/json')
    client.close()
  })
  const pathOf = (resource: Resource, name: string): string => `/${PATHS[resource]}/namespaces/${namespace}/${resource}/${name}`
  return {
    api,
    namespace,
    apply: (resource, object) =>
      ask('PATCH', `${pathOf(resource, object.metadata.name)}?fieldManager=turnpike-test&force=true`, 'application/apply-patch+yaml', {
        ...TYPES[resource],
        ...object,
      }),
    remove: (resource, name) => ask('DELETE', pathOf(resource, name), 'application/json'),
  }
}
