/** A real Chromium for tests, without a window. */
import { createHash, X509Certificate } from 'node:crypto'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Browser, chromium } from 'playwright-core'
import { ensureDebianProgram, missingReason } from './debian.ts'

const program = ensureDebianProgram('chromium', 'chromium')

/** For the `skip` of tests that need Chromium: false when it is here, otherwise why not. */
export const chromiumMissing: string | false = program === null ? missingReason('chromium') : false

const START_TIMEOUT_MS = 30_000
const CLOSE_TIMEOUT_MS = 10_000

/**
 * Starts it; it ends with the test.
 * @param trusted a certificate in PEM whose key is believed, whoever has signed it; all others are checked as ever. Absent where pages come without TLS
 */
export async function startChromium(t: TestContext, trusted?: string): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: program ?? 'chromium',
    // Its sandbox does not start for root.
    chromiumSandbox: process.getuid?.() !== 0,
    args: ['--disable-dev-shm-usage', ...(trusted === undefined ? [] : [`--ignore-certificate-errors-spki-list=${pinOf(trusted)}`])],
    timeout: START_TIMEOUT_MS,
  })
  // One that hangs is killed by Playwright when this process ends.
  t.after(() => Promise.race([browser.close(), sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]))
  return browser
}

function pinOf(certificate: string): string {
  const key = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(key).digest('base64')
}
