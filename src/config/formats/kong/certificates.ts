/** Kong's certificates: those that services are shown, those that they are verified with, and those that clients are shown. */
import { isIP } from 'node:net'
import { nodeAt } from '../../tree.ts'
import { nodeOf } from './nodes.ts'
import type { CertificateEntity, ServiceEntity, Written } from './types.ts'

/** How TLS is spoken with a service. */
export function tlsOf(service: ServiceEntity): Readonly<Record<string, Written | undefined>> {
  const { fields, upstream, caCertificates } = service
  if (fields.protocol !== 'https' && fields.protocol !== 'grpcs') return { tls: false }
  const certificate = service.clientCertificate ?? upstream?.clientCertificate ?? null
  const isVerified = fields.tlsVerify === true
  const serverName = upstream?.fields.host_header?.replace(/:\d+$/, '')
  return {
    tls: nodeOf(
      {
        verify: isVerified,
        ...(isVerified && caCertificates.length > 0 && { ca: caCertificates.map((ca) => ca.fields.cert.trim()).join('\n') }),
        // Kong asks for the host that it sends.
        ...(serverName !== undefined && isIP(serverName) === 0 && { serverName }),
        ...(certificate !== null && { cert: fieldOf(certificate, 'cert'), key: fieldOf(certificate, 'key') }),
      },
      service.locate([service.node.entries.has('protocol') ? 'protocol' : 'url']),
    ),
  }
}

/** As it stands in the file, so that what comes from the environment is shown as a reference to it. */
function fieldOf(certificate: CertificateEntity, key: 'cert' | 'key'): Written {
  return nodeAt(certificate.node, [key]) ?? certificate.fields[key]
}

/** A certificate as listeners show it to clients that ask for one of its names. */
export function listenerCertificate(certificate: CertificateEntity): Written {
  const { snis, fields } = certificate
  return nodeOf(
    {
      cert: fieldOf(certificate, 'cert'),
      key: fieldOf(certificate, 'key'),
      ...(fields.passphrase !== undefined && { passphrase: nodeAt(certificate.node, ['passphrase']) ?? fields.passphrase }),
      ...(snis.length > 0 && { hosts: snis }),
    },
    certificate.at,
  )
}
