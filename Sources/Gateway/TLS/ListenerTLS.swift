package import Core
package import Identity
import NIOCore
package import NIOSSL

/// Which key agreements are taken.
package enum TLSGroups: String, Sendable, CaseIterable {
    case hybridPreferred = "hybrid-preferred"
    case hybridRequired = "hybrid-required"

    package var curves: [NIOTLSCurve] {
        self == .hybridRequired ? [.x25519_MLKEM768] : [.x25519_MLKEM768, .x25519, .secp256r1, .secp384r1]
    }
}

/// TLS of the gateway's own port: its certificate, and whose client certificates are believed.
///
/// TLS 1.3 only, hybrid X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem) before anything else, or alone where that is asked for.
package struct ListenerTLS: Sendable {
    let context: NIOSSLContext
    /// Trust domains whose X509-SVIDs name a caller; without any a client certificate is not asked for.
    let trust: ClientTrust
    /// When the certificate ends.
    package let end: Timestamp
    /// The SHA-256 of the certificate's DER.
    let digest: String
    private let now: @Sendable () -> Timestamp

    /// - Throws: what the library says of the certificate and the key.
    package init(
        certificate: [UInt8],
        key: [UInt8],
        bundles: [TrustBundle],
        groups: TLSGroups,
        now: @escaping @Sendable () -> Timestamp
    ) throws {
        let chain = try NIOSSLCertificate.fromPEMBytes(certificate)
        guard let leaf = chain.first else { throw NIOSSLError.failedToLoadCertificate }
        end = Timestamp(seconds: Int64(leaf.notValidAfter))
        digest = Digest.sha256(try leaf.toDERBytes()).description
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map(NIOSSLCertificateSource.certificate),
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem))
        )
        configuration.minimumTLSVersion = .tlsv13
        configuration.curves = groups.curves
        configuration.applicationProtocols = ["http/1.1"]
        if !bundles.isEmpty { configuration.certificateVerification = .optionalVerification }
        context = try NIOSSLContext(configuration: configuration)
        trust = ClientTrust(bundles)
        self.now = now
    }

    /// Puts TLS before everything else on a connection; what its client proves goes into `proven`.
    func install(on channel: any Channel, _ proven: ProvenCertificate, state: TLSState) throws {
        let watch = HandshakeWatch(isServer: true) { group in
            proven.group = group
            state.agreed(on: group)
        }
        try channel.pipeline.syncOperations.addHandler(watch)
        try channel.pipeline.syncOperations.addHandler(handler(proven, on: channel.eventLoop))
    }

    private func handler(_ proven: ProvenCertificate, on loop: any EventLoop) -> NIOSSLServerHandler {
        let (bundles, now) = (trust.bundles, now)
        guard !bundles.isEmpty else { return NIOSSLServerHandler(context: context) }
        proven.trust = trust
        let bound = NIOLoopBound(proven, eventLoop: loop)
        let handler = NIOSSLServerHandler(context: context) { chain, promise in
            do {
                bound.value.svid = try X509SVID.verify(
                    chain: chain.map { try $0.toDERBytes() },
                    bundles: bundles,
                    now: now()
                )
                promise.succeed(.certificateVerified)
            } catch {
                promise.succeed(.failed)
            }
        }
        proven.recall = { [weak handler] in
            guard let leaf = try? handler?.peerCertificate?.toDERBytes() else { return nil }
            return try? X509SVID.verify(chain: [leaf], bundles: bundles, now: now())
        }
        return handler
    }
}

/// Whose certificates are believed; made anew when files are read anew.
final class ClientTrust: Sendable {
    let bundles: [TrustBundle]

    init(_ bundles: [TrustBundle]) { self.bundles = bundles }

    fileprivate func isSame(as other: ClientTrust) -> Bool {
        bundles.elementsEqual(other.bundles) {
            $0.trustDomain == $1.trustDomain && $0.authorities == $1.authorities
        }
    }
}

/// What the client of one connection proved by its certificate.
///
/// It holds until the certificate ends, or until those who vouched for it are not believed any more.
final class ProvenCertificate {
    var svid: X509SVID?
    /// What it was last judged by.
    var trust: ClientTrust?
    /// Proves the certificate of a session that was taken up again: the library asks nobody then.
    ///
    /// Only the leaf is remembered with a session; one that needs others between it and the authority proves nothing.
    var recall: (() -> X509SVID?)?

    /// The workload at the other end.
    var workload: X509SVID? {
        if svid == nil, let recall {
            self.recall = nil
            svid = recall()
        }
        return svid
    }

    /// Whether what was proven holds by those who are believed now; a certificate that was judged by them is not judged again.
    func holds(by current: ClientTrust?, now: () -> Timestamp) -> Bool {
        guard let judged = trust, judged !== current, let workload else { return true }
        guard let current, judged.isSame(as: current) || workload.isTrusted(by: current.bundles, now: now()) else {
            return false
        }
        trust = current
        return true
    }

    /// Why it proved nothing, in words for a log.
    var fault: String?
    /// The key agreement of the connection.
    var group: String?
}
