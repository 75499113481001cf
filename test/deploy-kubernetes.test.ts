/** The Kubernetes manifests fit together, ask for no right that is not used, and bring a configuration that is right. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import type { GatewayIr } from '../src/config/ir.ts'
import { loadConfig } from '../src/config/load.ts'
import { POLICIES } from '../src/policies/index.ts'
import { KUBERNETES_OBJECTS, type KubernetesKind, type KubernetesObject } from './kubernetes-objects.ts'

const FOLDER = join(import.meta.dirname, '../deploy/kubernetes')
const NAMESPACE = 'turnpike'
/** Not part of the base: what one makes oneself, and what only some need. */
const ASIDE = ['configmap-source.yaml', 'secret.example.yaml']
/** What a worker may take to end beyond the drain's own time: `exitMs` of WorkerTimeouts, twice. */
const EXIT_MS = 6_000

const parse = (file: string): unknown[] =>
  parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8')).map((document) => {
    assert.deepEqual([...document.errors, ...document.warnings], [], file)
    return document.toJS() as unknown
  })

const [kustomization] = parse('kustomization.yaml') as [{ readonly namespace: string; readonly resources: readonly string[] }]
const objects = [...kustomization.resources, ...ASIDE].flatMap((file) => parse(file).map((object) => ({ file, object })))

const kindOf = (object: unknown): string => (object as { readonly kind: string }).kind

/** All objects of a kind, checked. */
function every<K extends KubernetesKind>(kind: K): KubernetesObject<K>[] {
  const found = objects.filter(({ object }) => kindOf(object) === kind)
  return found.map(({ object }) => KUBERNETES_OBJECTS[kind].parse(object) as KubernetesObject<K>)
}

function only<K extends KubernetesKind>(kind: K): KubernetesObject<K> {
  const [object, ...others] = every(kind)
  assert.ok(object !== undefined && others.length === 0, `one ${kind}`)
  return object
}

const isPartOf = (some: Readonly<Record<string, string>>, whole: Readonly<Record<string, string>>): boolean =>
  Object.entries(some).every(([key, value]) => whole[key] === value)

const deployment = only('Deployment')
const { template } = deployment.spec
const podLabels = template.metadata.labels
const [container] = template.spec.containers
const portNamed = (name: string | number): number | undefined => container.ports.find((port) => port.name === name)?.containerPort
const mountOf = (name: string): string | undefined => container.volumeMounts.find((mount) => mount.name === name)?.mountPath

/** The configuration in the ConfigMap, with a secret's value for the token. */
async function load(token: string) {
  const { data } = only('ConfigMap')
  const files: Readonly<Record<string, string>> = {
    ...Object.fromEntries(Object.entries(data).map(([name, text]) => [`${mountOf('configuration')}/${name}`, text])),
    ...Object.fromEntries(Object.keys(only('Secret').stringData).map((name) => [`${mountOf('secrets')}/${name}`, token])),
  }
  const readFile = (path: string): Promise<string> =>
    path in files ? Promise.resolve(files[path] ?? '') : Promise.reject(Object.assign(new Error('no file'), { code: 'ENOENT' }))
  return loadConfig(['/etc/turnpike/turnpike.yaml'], { policies: POLICIES, env: {}, readFile })
}

async function configuration(): Promise<GatewayIr> {
  const loaded = await load('0123456789abcdef')
  assert.ok('ir' in loaded, 'problems' in loaded ? loaded.problems.map(({ message }) => message).join('\n') : '')
  assert.deepEqual(loaded.warnings, [])
  return loaded.ir
}

test('every manifest is of a kind and form that is known here, and in the list of the base', () => {
  for (const { file, object } of objects) {
    const kind = kindOf(object)
    assert.ok(kind in KUBERNETES_OBJECTS, `${file}: ${kind}`)
    const { metadata } = KUBERNETES_OBJECTS[kind as KubernetesKind].parse(object)
    assert.equal(metadata.namespace ?? metadata.name, NAMESPACE, file)
  }
  assert.equal(kustomization.namespace, NAMESPACE)
  const files = globSync('*.yaml', { cwd: FOLDER })
  assert.deepEqual(files.toSorted(), ['kustomization.yaml', ...kustomization.resources, ...ASIDE].toSorted())
})

test('selectors find the pods', () => {
  const selectors = [
    deployment.spec.selector.matchLabels,
    only('Service').spec.selector,
    only('PodDisruptionBudget').spec.selector.matchLabels,
    only('NetworkPolicy').spec.podSelector.matchLabels,
    ...template.spec.topologySpreadConstraints.map(({ labelSelector }) => labelSelector.matchLabels),
  ]
  for (const selector of selectors) {
    assert.ok(Object.keys(selector).length > 0, 'an empty selector finds everything')
    assert.ok(isPartOf(selector, podLabels), JSON.stringify(selector))
  }
  const { scaleTargetRef } = only('HorizontalPodAutoscaler').spec
  const { apiVersion, kind, metadata } = deployment
  assert.deepEqual(scaleTargetRef, { apiVersion, kind, name: metadata.name })
})

test('ports that are named are there, and are those of the configuration', async () => {
  const { startupProbe, readinessProbe, livenessProbe } = container
  const probes = [startupProbe, readinessProbe, livenessProbe].map(({ httpGet }) => httpGet.port)
  const targets = only('Service').spec.ports.map(({ targetPort }) => targetPort)
  const allowed = only('NetworkPolicy').spec.ingress.flatMap(({ ports }) => ports.map(({ port }) => port))
  for (const name of [...probes, ...targets, ...allowed]) assert.ok(portNamed(name), `port ${name}`)
  const { listeners, admin } = await configuration()
  assert.deepEqual(
    listeners.map(({ port }) => port),
    [portNamed('http')],
  )
  assert.equal(admin.port, portNamed('admin'))
  // The kubelet asks from outside of the pod.
  assert.equal(admin.host, '0.0.0.0')
  assert.equal(template.metadata.annotations['prometheus.io/port'], String(admin.port))
})

test('the admin port is neither in the service nor open to all', () => {
  const ports = only('Service').spec.ports.map(({ targetPort }) => targetPort)
  assert.ok(!ports.includes('admin') && !ports.includes(portNamed('admin') ?? 0))
  for (const { from, ports: allowed } of only('NetworkPolicy').spec.ingress) {
    if (allowed.some(({ port }) => port !== 'http')) assert.ok(from !== undefined && from.length > 0)
  }
})

test('what is mounted is there, and what is there is mounted', () => {
  const names = template.spec.volumes.map(({ name }) => name)
  assert.deepEqual(container.volumeMounts.map(({ name }) => name).toSorted(), names.toSorted())
  for (const { configMap, secret } of template.spec.volumes) {
    if (configMap !== undefined) assert.equal(configMap.name, only('ConfigMap').metadata.name)
    if (secret !== undefined) assert.equal(secret.secretName, only('Secret').metadata.name)
  }
  for (const mount of container.volumeMounts) assert.equal(mount.readOnly === true, mount.name !== 'tmp', mount.name)
})

test('the configuration is right with a token of one’s own, and refused with the example’s', async () => {
  await configuration()
  const [token = ''] = Object.values(only('Secret').stringData)
  const refused = await load(token)
  assert.ok('problems' in refused)
  assert.deepEqual(
    refused.problems.map(({ message }) => /at most 512 printable ASCII characters without blanks/.test(message)),
    [true],
  )
})

test('a pod has the time that its drain may take', async () => {
  const { drainDelayMs, drainTimeoutMs } = await configuration()
  assert.ok(drainDelayMs > 0, 'endpoints are told while it still serves')
  assert.ok(template.spec.terminationGracePeriodSeconds * 1_000 > drainDelayMs + drainTimeoutMs + EXIT_MS)
})

test('the account may do what discovery and the ConfigMap need, and nothing else', async () => {
  const rights = every('Role').map(({ metadata, rules }) => ({ role: metadata.name, rules }))
  const { services } = await configuration()
  const found = services.flatMap(({ discovery }) => (discovery?.kind === 'kubernetes' ? [discovery] : []))
  assert.deepEqual(
    found.map(({ namespace }) => namespace),
    [NAMESPACE],
  )
  assert.deepEqual(rights, [
    {
      role: 'turnpike-discovery',
      rules: [
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
        { apiGroups: [''], resources: ['services'], resourceNames: found.map(({ service }) => service), verbs: ['get'] },
      ],
    },
    {
      role: 'turnpike-configuration',
      rules: [
        { apiGroups: [''], resources: ['configmaps'], resourceNames: [only('ConfigMap').metadata.name], verbs: ['get', 'list', 'watch'] },
      ],
    },
  ])
})

test('roles are given to the account that pods run as', () => {
  const { name } = only('ServiceAccount').metadata
  assert.equal(template.spec.serviceAccountName, name)
  assert.equal(template.spec.automountServiceAccountToken, true)
  const roles = every('Role').map(({ metadata }) => metadata.name)
  const bindings = every('RoleBinding')
  assert.deepEqual(
    bindings.map(({ roleRef }) => roleRef.name),
    roles,
  )
  for (const { subjects } of bindings) assert.deepEqual(subjects, [{ kind: 'ServiceAccount', name, namespace: NAMESPACE }])
})
