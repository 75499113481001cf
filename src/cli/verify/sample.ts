/** Texts that expressions of paths, hosts and header values match. */

/** A path that the path of a Kong route takes, the shortest that is easily found; null for an expression that is beyond this. */
export function samplePath(path: string): string | null {
  if (!path.startsWith('~')) return path
  const sample = sampleOf(path.slice(1))
  return sample?.startsWith('/') ? sample : null
}

/** `*.example.com` → `a.example.com`. */
export function sampleHost(host: string): string {
  return host.replace(/^\*/, 'a').replace(/\*(?=(:\d+)?$)/, 'org')
}

/** A text that an expression matches, or null: look-around, references and the like are not tried. */
export function sampleOf(source: string): string | null {
  try {
    const text = new Sampler(source).all()
    return new RegExp(`^(?:${source.replaceAll('(?P<', '(?<')})`).test(text) ? text : null
  } catch {
    return null
  }
}

const CLASSES: Readonly<Record<string, string>> = { d: '7', w: 'a', s: ' ', D: 'a', W: '-', S: 'a' }
const CANDIDATES = ['a', '7', 'A', '-', '_', '.', '~', '/', ' ', '%']

class Sampler {
  readonly #source: string
  #at = 0

  constructor(source: string) {
    this.#source = source
  }

  all(): string {
    const text = this.#alternatives()
    if (this.#at < this.#source.length) throw new Error('more than was read')
    return text
  }

  /** The first one. */
  #alternatives(): string {
    const first = this.#sequence()
    while (this.#source[this.#at] === '|') {
      this.#at++
      this.#sequence()
    }
    return first
  }

  #sequence(): string {
    let text = ''
    while (this.#at < this.#source.length && !'|)'.includes(this.#source.charAt(this.#at))) {
      const atom = this.#atom()
      text += atom.repeat(this.#times())
    }
    return text
  }

  #atom(): string {
    const char = this.#source.charAt(this.#at++)
    if (char === '(') return this.#group()
    if (char === '[') return this.#class()
    if (char === '.') return 'a'
    if (char === '^' || char === '$') return ''
    if (char !== '\\') return char
    const escaped = this.#source.charAt(this.#at++)
    if (/[bBkpPxu1-9]/.test(escaped)) throw new Error('beyond this')
    return CLASSES[escaped] ?? escaped
  }

  #group(): string {
    const [lead = ''] = /^\?(?::|P?<\w+>)/.exec(this.#source.slice(this.#at)) ?? []
    this.#at += lead.length
    if (lead === '' && this.#source[this.#at] === '?') throw new Error('beyond this')
    const text = this.#alternatives()
    this.#at++
    return text
  }

  #class(): string {
    const from = this.#at - 1
    while (this.#source[this.#at] !== ']') {
      if (this.#at >= this.#source.length) throw new Error('no end')
      this.#at += this.#source[this.#at] === '\\' ? 2 : 1
    }
    this.#at++
    const source = this.#source.slice(from, this.#at)
    const pattern = new RegExp(source)
    const second = source.replace(/^\[\^?/, '').charAt(0)
    const found = [...CANDIDATES, second].find((candidate) => pattern.test(candidate))
    if (found === undefined) throw new Error('beyond this')
    return found
  }

  /** How often what stands before is repeated: as seldom as may be, once where it may. */
  #times(): number {
    const [whole = '', min] = /^(?:[*+?]|\{(\d+)(?:,\d*)?\})[?+]?/.exec(this.#source.slice(this.#at)) ?? []
    this.#at += whole.length
    return min === undefined ? 1 : Math.min(Number(min), 1_000)
  }
}
