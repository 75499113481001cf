/** What the native form says of TLS, to the intermediate representation. Files have been read by then (`config/tls.ts`). */
import type { ListenerTlsIr, ServiceTlsIr } from '../ir.ts'
import type { NativeConfig, NativeService } from '../schema.ts'
import { certificateHosts } from '../tls.ts'

type NativeListenerTls = NonNullable<NativeConfig['listeners'][number]['tls']>
type NativeServiceTls = Exclude<NonNullable<NativeService['tls']>, boolean>

export function listenerTlsOf({ certificates, minVersion, ciphers, clientCertificates }: NativeListenerTls): ListenerTlsIr {
  return {
    certificates: certificates.map(({ cert, key, passphrase, hosts }) => ({
      cert,
      key,
      passphrase: passphrase ?? null,
      hosts: (hosts ?? certificateHosts(cert)).map((host) => host.toLowerCase()),
    })),
    minVersion,
    ciphers: ciphers ?? null,
    clientCertificates: clientCertificates ?? null,
  }
}

/** @param tls undefined for the defaults */
export function serviceTlsOf(tls: NativeServiceTls | undefined): ServiceTlsIr {
  return {
    ca: tls?.ca ?? null,
    cert: tls?.cert ?? null,
    key: tls?.key ?? null,
    passphrase: tls?.passphrase ?? null,
    serverName: tls?.serverName ?? null,
    verify: tls?.verify ?? true,
    minVersion: tls?.minVersion ?? '1.2',
  }
}
