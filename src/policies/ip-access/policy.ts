import { BlockList } from 'node:net'
import type { PolicyDefinition, Remark, Verdict } from '../../core/policy.ts'
import { type Reply, refuse } from '../../core/reply.ts'
import { type AddressBlock, BlockSet, comparable, parseBlock } from './block.ts'
import type { IpAccessOptions } from './schema.ts'

export const ipAccess: PolicyDefinition<IpAccessOptions> = {
  kind: 'ip-access',
  summary: 'Lets clients pass or refuses them by their address.',
  loadSchema: () => import('./schema.ts').then((module) => module.schema),
  review: reviewBlocks,
  compile({ allow, deny, by, status, message = null }) {
    const allowed = allow === undefined ? null : new AddressSet(allow)
    const denied = new AddressSet(deny ?? [])
    const decide = (address: string): string | null => {
      const plain = comparable(address)
      // What cannot be read cannot be found in a list, and must not pass one that refuses.
      if (plain === '') return 'is not an address'
      if (denied.has(plain)) return 'is in `deny`'
      return allowed === null || allowed.has(plain) ? null : 'is not in `allow`'
    }
    // A connection sends many requests one after the other, and behind a proxy many clients are the same one.
    let lastAddress: string | null = null
    let lastReason: string | null = null
    let lastNote = ''
    let lastRefusal: Reply | undefined
    return {
      onRequest({ client, trace }): Verdict {
        const address = by === 'peer' ? client.peerAddress : client.address
        if (address !== lastAddress) {
          lastReason = decide(address)
          lastAddress = address
          const detail = message === null ? null : message.replaceAll('{address}', () => address)
          lastRefusal = lastReason === null ? undefined : { ...refuse('address_denied', detail), status }
          lastNote = `${by} ${address} ${lastReason ?? 'may pass'}`
        }
        trace?.note(lastNote)
        return lastRefusal
      },
    }
  },
}

/** Addresses of both families, apart: one `BlockList` for both would find IPv4 addresses in `::/0`. */
class AddressSet {
  readonly #v4 = new BlockList()
  readonly #v6 = new BlockList()

  constructor(texts: readonly string[]) {
    for (const { family, address, prefix } of texts.map(checkedBlock)) {
      if (family === 4) this.#v4.addSubnet(address, prefix, 'ipv4')
      else this.#v6.addSubnet(address, prefix, 'ipv6')
    }
  }

  /** @param address in the form of `comparable` */
  has(address: string): boolean {
    return address.includes(':') ? this.#v6.check(address, 'ipv6') : this.#v4.check(address, 'ipv4')
  }
}

function checkedBlock(text: string): AddressBlock {
  const block = parseBlock(text)
  if ('problem' in block) throw new Error(`ip-access: ${block.problem}`)
  return block
}

/** Entries that have no effect, and those that say less than they seem to. */
function reviewBlocks({ allow = [], deny = [] }: IpAccessOptions): readonly Remark[] {
  const remarks: Remark[] = []
  const warn = (list: string, index: number, message: string): void => {
    remarks.push({ severity: 'warning', path: [list, index], message })
  }
  const denied = new BlockSet()
  const allowed = new BlockSet()
  for (const [list, texts, known] of [['deny', deny, denied] as const, ['allow', allow, allowed] as const]) {
    // Wide ones first, so that each entry is told the one that makes it needless whatever their order is.
    const blocks = texts.map((text, index) => ({ block: checkedBlock(text), index })).sort((a, b) => a.block.prefix - b.block.prefix)
    for (const { block, index } of blocks) {
      if (!block.isAligned) warn(list, index, `\`${block.text}\` has bits set behind its prefix, which do not count`)
      const wider = known.covering(block)
      const refused = list === 'allow' ? denied.covering(block) : null
      if (wider !== null) warn(list, index, `\`${block.text}\` adds nothing: \`${wider.text}\` is in the same list`)
      else if (refused !== null) warn(list, index, `\`${block.text}\` never passes: \`deny\` has \`${refused.text}\``)
      known.add(block)
    }
  }
  return remarks
}
