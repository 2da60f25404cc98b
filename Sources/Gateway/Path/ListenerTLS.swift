package import Core
package import Identity
import NIOCore
import NIOSSL

/// TLS of the gateway's own port: its certificate, and whose client certificates are believed.
///
/// TLS 1.3 only, hybrid X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem) before anything else, or alone where that is asked for.
package struct ListenerTLS: Sendable {
    /// Which key agreements are taken.
    package enum Groups: String, Sendable, CaseIterable {
        case hybridPreferred = "hybrid-preferred"
        case hybridRequired = "hybrid-required"
    }

    let context: NIOSSLContext
    /// Trust domains whose X509-SVIDs name a caller; without any a client certificate is not asked for.
    let bundles: [TrustBundle]
    private let now: @Sendable () -> Timestamp

    /// - Throws: what the library says of the certificate and the key.
    package init(
        certificate: [UInt8],
        key: [UInt8],
        bundles: [TrustBundle],
        groups: Groups,
        now: @escaping @Sendable () -> Timestamp
    ) throws {
        let chain = try NIOSSLCertificate.fromPEMBytes(certificate).map(NIOSSLCertificateSource.certificate)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain,
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem))
        )
        configuration.minimumTLSVersion = .tlsv13
        configuration.curves =
            groups == .hybridRequired
            ? [.x25519_MLKEM768] : [.x25519_MLKEM768, .x25519, .secp256r1, .secp384r1]
        configuration.applicationProtocols = ["http/1.1"]
        if !bundles.isEmpty { configuration.certificateVerification = .optionalVerification }
        context = try NIOSSLContext(configuration: configuration)
        self.bundles = bundles
        self.now = now
    }

    /// The handler of one connection; what its client proves goes into `proven`.
    func handler(_ proven: ProvenCertificate, on loop: any EventLoop) -> NIOSSLServerHandler {
        guard !bundles.isEmpty else { return NIOSSLServerHandler(context: context) }
        let (bundles, now) = (bundles, now)
        let bound = NIOLoopBound(proven, eventLoop: loop)
        return NIOSSLServerHandler(context: context) { chain, promise in
            do {
                let svid = try X509SVID.verify(
                    chain: chain.map { try $0.toDERBytes() },
                    bundles: bundles,
                    now: now()
                )
                bound.value.svid = svid
                promise.succeed(.certificateVerified)
            } catch {
                promise.succeed(.failed)
            }
        }
    }
}

/// What the client of one connection proved by its certificate; it holds until the certificate ends.
final class ProvenCertificate {
    var svid: X509SVID?
}
