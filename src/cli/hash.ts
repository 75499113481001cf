import { hash, randomBytes } from 'node:crypto'
import { API_KEY_CHARS_MAX } from '../core/consumers.ts'
import { hashPassword, PASSWORD_CHARS_MAX, STRONG_COST } from '../core/password-hash.ts'
import { paint } from './terminal.ts'

export type HashKind = 'key' | 'password'

const KEY_CHARS_WANTED = 16

/**
 * `turnpike hash key|password`: reads a secret from a pipe, or asks for it without showing it, and prints the line for a consumer's credential on
 * standard output. A secret is no argument: those can be seen by every process of the machine.
 * @returns the exit status: 0, or 1 when it is no secret that could be used
 */
export async function hashCommand(kind: HashKind): Promise<number> {
  const { stdin, stderr, stdout } = process
  const secret = stdin.isTTY ? await ask(`${kind === 'key' ? 'API key' : 'Password'}: `) : await readAll()
  if (secret === null) return 1
  const line = await hashLine(kind, secret)
  if ('problem' in line) {
    stderr.write(`${paint('red', 'error:', stderr)} ${line.problem}\n`)
    return 1
  }
  if (line.warning !== null) stderr.write(`${paint('yellow', 'warning:', stderr)} ${line.warning}\n`)
  stdout.write(`${line.text}\n`)
  return 0
}

interface HashLine {
  /** What to write into a credential. */
  readonly text: string
  readonly warning: string | null
}

/** @param secret without the line feed behind it */
export async function hashLine(kind: HashKind, secret: string): Promise<HashLine | { readonly problem: string }> {
  if (secret === '') return { problem: 'there is nothing to hash: give the secret on standard input' }
  if (kind === 'key') {
    if (secret.length > API_KEY_CHARS_MAX) return { problem: `a key has at most ${API_KEY_CHARS_MAX} characters` }
    if (!/^[\x21-\x7e]+$/.test(secret)) return { problem: 'a key has printable ASCII characters only, and no blanks' }
    const warning =
      secret.length < KEY_CHARS_WANTED
        ? `a key of fewer than ${KEY_CHARS_WANTED} characters can be found by trying, from its hash too`
        : null
    return { text: `hash: sha256:${hash('sha256', secret)}`, warning }
  }
  if (secret.length > PASSWORD_CHARS_MAX) return { problem: `a password has at most ${PASSWORD_CHARS_MAX} characters` }
  if (/\p{Cc}/u.test(secret)) return { problem: 'a password has no control characters' }
  return { text: `passwordHash: ${await hashPassword(secret, randomBytes(16), STRONG_COST)}`, warning: null }
}

/** More than any secret, so that a wrong file is not read to its end. */
const INPUT_BYTES_MAX = 65_536

async function readAll(): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin) {
    if (!Buffer.isBuffer(chunk)) continue
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > INPUT_BYTES_MAX) break
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '')
}

/** One line from the terminal, which shows nothing of it; null when it was broken off. */
function ask(prompt: string): Promise<string | null> {
  const { stdin, stderr } = process
  stderr.write(prompt)
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  stdin.resume()
  return new Promise((resolve) => {
    let line = ''
    const end = (result: string | null): void => {
      stdin.off('data', take)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
      resolve(result)
    }
    const take = (text: string): void => {
      for (const char of text) {
        if (char === '\r' || char === '\n') return end(line)
        if (char === INTERRUPT || (char === END_OF_INPUT && line === '')) return end(null)
        if (char === BACKSPACE || char === DELETE) line = line.replace(/.$/u, '')
        else if (line.length < INPUT_BYTES_MAX) line += char
      }
    }
    stdin.on('data', take)
  })
}

/** What a terminal sends for Ctrl-C and Ctrl-D, and for its two keys that erase. */
const INTERRUPT = '\u0003'
const END_OF_INPUT = '\u0004'
const BACKSPACE = '\b'
const DELETE = '\u007f'
