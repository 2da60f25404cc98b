package import Core
package import Identity
import NIOCore
import NIOSSL

/// TLS in which both ends prove a workload by an X509-SVID: 1.3 only, hybrid key agreement unless classical is allowed.
package struct MutualTLS: Sendable {
    /// Why certificate, key and authorities cannot be used together.
    package struct Failure: Error, Sendable {
        package let message: String
    }

    package enum Role: Sendable { case client, server }

    /// Whom this end proves to be.
    package let own: X509SVID
    /// Who may be at the other end; without any, every workload of the trust domain.
    package let peers: Set<SPIFFEID>
    private let server: NIOSSLContext
    private let client: NIOSSLContext
    private let bundles: [TrustBundle]
    private let now: @Sendable () -> Timestamp

    /// Makes both ends ready.
    ///
    /// - Parameters:
    ///   - certificate: The own chain in PEM, leaf first; an X509-SVID.
    ///   - key: Its private key in PEM.
    ///   - authorities: A SPIFFE bundle, or certificates in PEM, of the peers' trust domain.
    ///   - peers: Who may be at the other end, all of one trust domain.
    ///   - allowsClassical: Whether a peer may agree on a key without ML-KEM.
    ///   - now: The clock.
    /// - Throws: Which of them cannot be used, and why.
    package init(
        certificate: [UInt8],
        key: [UInt8],
        authorities: [UInt8],
        peers: Set<SPIFFEID>,
        allowsClassical: Bool,
        now: @escaping @Sendable () -> Timestamp
    ) throws(Failure) {
        guard let chain = try? NIOSSLCertificate.fromPEMBytes(certificate), !chain.isEmpty else {
            throw Failure(message: "the certificate is none in PEM")
        }
        do throws(SVIDFault) {
            own = try X509SVID(parsing: chain.compactMap { try? $0.toDERBytes() })
        } catch {
            throw Failure(message: "the certificate names no workload: \(error.message)")
        }
        guard own.notAfter > now() else { throw Failure(message: "the certificate has ended at \(own.notAfter)") }
        let domains = Set(peers.map(\.trustDomain))
        guard domains.count <= 1 else { throw Failure(message: "the peers are of more than one trust domain") }
        bundles = [try Self.bundle(authorities, trustDomain: domains.first ?? own.id.trustDomain)]
        self.peers = peers
        self.now = now
        do {
            let key = NIOSSLPrivateKeySource.privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem))
            let sources = chain.map(NIOSSLCertificateSource.certificate)
            var ends = [
                TLSConfiguration.makeServerConfiguration(certificateChain: sources, privateKey: key),
                TLSConfiguration.makeClientConfiguration(),
            ]
            ends[1].certificateChain = sources
            ends[1].privateKey = key
            for at in ends.indices {
                ends[at].minimumTLSVersion = .tlsv13
                ends[at].curves = (allowsClassical ? TLSGroups.hybridPreferred : .hybridRequired).curves
                // Who stands in the certificate is judged by the callback, and never by a host name.
                ends[at].certificateVerification = .noHostnameVerification
                ends[at].trustRoots = .certificates([])
            }
            server = try NIOSSLContext(configuration: ends[0])
            client = try NIOSSLContext(configuration: ends[1])
        } catch {
            throw Failure(message: "the certificate and the private key do not belong together")
        }
    }

    private static func bundle(_ bytes: [UInt8], trustDomain: String) throws(Failure) -> TrustBundle {
        do {
            if bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") {
                return try TrustBundle(parsing: bytes, trustDomain: trustDomain)
            }
            let certificates = try NIOSSLCertificate.fromPEMBytes(bytes)
            guard !certificates.isEmpty else { throw Failure(message: "it holds no certificate") }
            return try TrustBundle(trustDomain: trustDomain, authorities: certificates.map { try $0.toDERBytes() })
        } catch {
            throw Failure(message: "the authorities are neither a SPIFFE bundle nor certificates in PEM")
        }
    }

    /// The handler of one connection; what its peer proves, or why it proves nothing, goes into `proven`.
    func handler(_ role: Role, _ proven: ProvenCertificate, on loop: any EventLoop) throws -> any ChannelHandler {
        let (bundles, peers, now) = (bundles, peers, now)
        let bound = NIOLoopBound(proven, eventLoop: loop)
        let judge: NIOSSLCustomVerificationCallback = { chain, promise in
            do throws(SVIDFault) {
                let svid = try X509SVID.verify(
                    chain: chain.compactMap { try? $0.toDERBytes() },
                    bundles: bundles,
                    now: now()
                )
                guard peers.isEmpty || peers.contains(svid.id) else {
                    bound.value.fault = "the peer is `\(svid.id)`"
                    return promise.succeed(.failed)
                }
                bound.value.svid = svid
                promise.succeed(.certificateVerified)
            } catch {
                bound.value.fault = error.message
                promise.succeed(.failed)
            }
        }
        return switch role {
        case .server: NIOSSLServerHandler(context: server, customVerificationCallback: judge)
        case .client:
            try NIOSSLClientHandler(context: client, serverHostname: nil, customVerificationCallback: judge)
        }
    }
}
