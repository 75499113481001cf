import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseKubeconfig } from './kubeconfig.ts'

const FILE = '/etc/turnpike/kubeconfig'
const base64 = (text: string): string => Buffer.from(text).toString('base64')

function kubeconfig({ cluster = 'server: "https://10.0.0.1:6443"', user = 'token: abc' } = {}): string {
  return `
apiVersion: v1
kind: Config
current-context: main
contexts:
  - { name: main, context: { cluster: here, user: gateway, namespace: ignored } }
  - { name: other, context: { cluster: there, user: gateway } }
  - { name: nobody, context: { cluster: here } }
  - { name: broken, context: { cluster: missing, user: gateway } }
clusters:
  - { name: here, cluster: { ${cluster} } }
  - { name: there, cluster: { server: "https://there/k8s/clusters/c-1" } }
users:
  - { name: gateway, user: { ${user} } }
`
}

const parse = (text: string, context: string | null = null) => parseKubeconfig(text, FILE, context)

test('the current context says where and as whom, unless another is named', () => {
  assert.deepEqual(parse(kubeconfig()), {
    url: 'https://10.0.0.1:6443/',
    serverName: null,
    ca: null,
    cert: null,
    key: null,
    token: { text: 'abc' },
  })
  assert.equal(parse(kubeconfig(), 'other').url, 'https://there/k8s/clusters/c-1')
  assert.equal(parse(kubeconfig(), 'nobody').token, null)
})

test('data goes before files, and files are found beside the kubeconfig', () => {
  const written = kubeconfig({
    cluster: `server: "https://a", certificate-authority: ca.pem, tls-server-name: kubernetes`,
    user: `client-certificate: ignored.pem, client-certificate-data: ${base64('CERT')}, client-key: ../key.pem, token: old, tokenFile: /run/token`,
  })
  assert.deepEqual(parse(written), {
    url: 'https://a/',
    serverName: 'kubernetes',
    ca: { file: '/etc/turnpike/ca.pem' },
    cert: { text: 'CERT' },
    key: { file: '/etc/key.pem' },
    token: { file: '/run/token' },
  })
})

test('what the gateway does not do is refused with what to do, and no credential is told', () => {
  const refusals: readonly [Parameters<typeof kubeconfig>[0], RegExp][] = [
    [{ user: 'exec: { command: aws }' }, /the user `gateway` runs a program for its credentials.* use a token file/],
    [{ user: 'auth-provider: { name: gcp }' }, /names an auth-provider plugin/],
    [{ user: 'username: admin, password: s3cret' }, /has a user name and password/],
    [{ user: 'token: s3cret, as: root' }, /impersonates another user/],
    [{ user: 'client-certificate: s3cret' }, /a client certificate or key without the other/],
    [{ cluster: 'server: "https://a", insecure-skip-tls-verify: true' }, /the cluster `here` says `insecure-skip-tls-verify`/],
    [{ cluster: 'server: "https://a", proxy-url: "http://p"' }, /`proxy-url`/],
    [{ cluster: 'server: "ftp://a"' }, /has no `server` URL/],
    [{ cluster: '' }, /has no `server` URL/],
  ]
  for (const [parts, message] of refusals) {
    assert.throws(
      () => parse(kubeconfig(parts)),
      (error: Error) => error.name === 'AccessError' && message.test(error.message) && !error.message.includes('s3cret'),
      String(message),
    )
  }
})

test('what is not there is named', () => {
  assert.throws(() => parse(kubeconfig(), 'nowhere'), { message: `${FILE} has no context \`nowhere\`` })
  assert.throws(() => parse(kubeconfig(), 'broken'), { message: `${FILE} has no cluster \`missing\`` })
  assert.throws(() => parse('{}'), { message: `${FILE} has no current context: name one` })
  assert.throws(() => parse('token: s3cret: ['), { message: `${FILE} is no YAML` })
  assert.throws(() => parse('[]'), { message: `${FILE} is no kubeconfig` })
})
