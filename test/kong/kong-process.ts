/** A whole gateway, as its own process, that runs a Kong file: for what its admin listener and its control process do. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { startUpstream } from '../e2e/echo-upstream.ts'
import { GatewayProcess } from '../e2e/gateway-process.ts'

/** @param yaml in which `ECHO` stands for the `host:port` of an echo service */
export async function startKongProcess(t: TestContext, yaml: string): Promise<GatewayProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'turnpike-kong-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const files = { kong: join(folder, 'kong.yml'), admin: join(folder, 'admin.yaml') }
  const { port } = await startUpstream(t)
  writeFileSync(files.kong, yaml.replaceAll('ECHO', `127.0.0.1:${port}`))
  writeFileSync(files.admin, 'admin: { port: 0 }\naccessLog: false\n')
  const env = { KONG_PROXY_LISTEN: '127.0.0.1:0' }
  return new GatewayProcess(t, { config: '', args: [files.kong, files.admin], env }).ready()
}
