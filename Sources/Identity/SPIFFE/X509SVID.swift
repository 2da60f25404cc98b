package import Core

/// A workload that a certificate chain proves (X509-SVID §2 to §5).
///
/// The chain has to come leaf first, each certificate signed by the next: nobody who presents an SVID needs more, and
/// searching for paths is where verifiers go wrong. Name constraints are refused instead of being judged.
package struct X509SVID: Sendable, Hashable {
    package let id: SPIFFEID
    /// The SHA-256 of the leaf's DER: what `x5t#S256` of a token names.
    package let digest: [UInt8]
    /// The serial number in hexadecimal; it tells apart the instances of one workload.
    package let serial: String
    /// The thumbprint of its public key (RFC 7638), which other proofs name; zeroes for a key that is not of P-256.
    package let keyThumbprint: [UInt8]
    package let notBefore: Timestamp
    package let notAfter: Timestamp
    private let chain: [Certificate]

    private static let longestChain = 8
    private static let longestCertificate = 64 << 10

    /// Reads a chain and holds it to the rules of the specification; says nothing yet about trust and time.
    package init(parsing chain: [[UInt8]]) throws(SVIDFault) {
        guard let leafBytes = chain.first else { throw SVIDFault(.malformed, "the chain is empty") }
        guard chain.count <= Self.longestChain, chain.allSatisfy({ $0.count <= Self.longestCertificate }) else {
            throw SVIDFault(.malformed, "the chain is longer than an svid's can be")
        }
        var certificates: [Certificate] = []
        for bytes in chain {
            certificates.append(try Certificate(parsing: bytes))
        }
        let leaf = certificates[0]
        id = try Self.identity(of: leaf)
        try Self.checkLeaf(leaf)
        for authority in certificates.dropFirst() { try Self.checkAuthority(authority) }
        self.chain = certificates
        digest = Digest.sha256(leafBytes).bytes
        serial = Hexadecimal.encode(leaf.serial)
        keyThumbprint = JSONWebKey.thumbprint(ofPublicKeyInfo: leaf.publicKeyInfo)
        notBefore = leaf.notBefore
        notAfter = leaf.notAfter
    }

    /// Reads a chain and proves it by the bundle of its own trust domain.
    package static func verify(
        chain: [[UInt8]],
        bundles: [TrustBundle],
        now: Timestamp
    ) throws(SVIDFault) -> X509SVID {
        let svid = try X509SVID(parsing: chain)
        guard let bundle = bundles.first(where: { $0.trustDomain == svid.id.trustDomain }) else {
            throw SVIDFault(.untrusted, "the trust domain `\(svid.id.trustDomain)` is not known here")
        }
        try svid.verify(by: bundle, now: now)
        return svid
    }

    /// Whether it would be believed now, as it was shown.
    package func isTrusted(by bundles: [TrustBundle], now: Timestamp) -> Bool {
        guard let bundle = bundles.first(where: { $0.trustDomain == id.trustDomain }) else { return false }
        return (try? verify(by: bundle, now: now)) != nil
    }

    private func verify(by bundle: TrustBundle, now: Timestamp) throws(SVIDFault) {
        for (certificate, issuer) in zip(chain, chain.dropFirst()) {
            guard Self.isIssued(certificate, by: issuer) else {
                throw SVIDFault(.chain, "a certificate of the chain is not signed by the one after it")
            }
        }
        for certificate in chain { try Self.checkTime(certificate, now) }
        for (position, authority) in chain.enumerated().dropFirst() {
            try Self.checkLength(authority, below: position - 1)
        }
        guard let last = chain.last else { throw SVIDFault(.malformed, "the chain is empty") }
        // The chain may end with the authority itself or with what it signed.
        let roots = bundle.certificates.filter { $0 == last || Self.isIssued(last, by: $0) }
        guard !roots.isEmpty else {
            throw SVIDFault(.untrusted, "no authority of `\(bundle.trustDomain)` signed the chain")
        }
        var fault = SVIDFault(.untrusted, "no authority of `\(bundle.trustDomain)` may sign the chain")
        for root in roots {
            do throws(SVIDFault) {
                // A leaf that stands in the bundle is no authority.
                try Self.checkAuthority(root)
                try Self.checkTime(root, now)
                try Self.checkLength(root, below: root == last ? chain.count - 2 : chain.count - 1)
                return
            } catch {
                fault = error
            }
        }
        throw fault
    }
}

extension X509SVID {
    /// The one URI among the names (§2: zero, or more than one, and the certificate is no SVID).
    private static func identity(of certificate: Certificate) throws(SVIDFault) -> SPIFFEID {
        let uris = try certificate.uris()
        guard uris.count == 1 else { throw SVIDFault(.identity, "an svid has exactly one uri among its names") }
        let id: SPIFFEID
        do throws(SPIFFEID.Fault) {
            id = try SPIFFEID(uris[0])
        } catch {
            throw SVIDFault(.identity, error.rawValue)
        }
        guard !id.isTrustDomain else { throw SVIDFault(.identity, "the leaf names a trust domain and no workload") }
        return id
    }

    private static func checkLeaf(_ leaf: Certificate) throws(SVIDFault) {
        guard try !leaf.authority().isOne else { throw SVIDFault(.usage, "the leaf is an authority") }
        let usage = try leaf.usage()
        guard usage.contains(.signature) else { throw SVIDFault(.usage, "the leaf's key may not sign") }
        guard usage.isDisjoint(with: [.certificates, .revocations]) else {
            throw SVIDFault(.usage, "the leaf's key may sign certificates or revocations")
        }
        if let purposes = try leaf.purposes() {
            guard purposes.contains(ObjectID.serverAuthentication), purposes.contains(ObjectID.clientAuthentication)
            else { throw SVIDFault(.usage, "the leaf is not for both ends of a connection") }
        }
        try checkExtensions(leaf)
    }

    private static func checkAuthority(_ authority: Certificate) throws(SVIDFault) {
        guard try authority.authority().isOne else { throw SVIDFault(.usage, "a signer in the chain is no authority") }
        guard try authority.usage().contains(.certificates) else {
            throw SVIDFault(.usage, "a signer's key in the chain may not sign certificates")
        }
        let uris = try authority.uris()
        guard uris.count <= 1, uris.allSatisfy({ (try? SPIFFEID($0)) != nil }) else {
            throw SVIDFault(.identity, "a signer in the chain has a uri that is no spiffe id")
        }
        try checkExtensions(authority)
    }

    private static let understood: [[UInt8]] = [
        ObjectID.basicConstraints, ObjectID.keyUsage, ObjectID.extendedKeyUsage, ObjectID.alternativeName,
        ObjectID.authorityKeyID, ObjectID.subjectKeyID,
    ]

    private static func checkExtensions(_ certificate: Certificate) throws(SVIDFault) {
        for held in certificate.extensions {
            guard held.id != ObjectID.nameConstraints else {
                throw SVIDFault(.extensions, "name constraints are not accepted")
            }
            guard !held.isCritical || understood.contains(held.id) else {
                throw SVIDFault(.extensions, "a certificate has a critical extension that is not known")
            }
        }
        guard certificate.hasKnownAlgorithm else {
            throw SVIDFault(.algorithm, "a certificate is signed with an algorithm that is not accepted")
        }
    }

    private static func isIssued(_ certificate: Certificate, by issuer: Certificate) -> Bool {
        certificate.issuer == issuer.subject && certificate.isSigned(by: issuer)
    }

    private static func checkTime(_ certificate: Certificate, _ now: Timestamp) throws(SVIDFault) {
        guard certificate.notBefore <= now, now <= certificate.notAfter else {
            throw SVIDFault(.notValidNow, "a certificate of the chain is not valid now")
        }
    }

    /// Holds an authority to how many more may stand between it and the leaf (RFC 5280 §4.2.1.9).
    private static func checkLength(_ authority: Certificate, below count: Int) throws(SVIDFault) {
        if let most = try authority.authority().most, count > most {
            throw SVIDFault(.chain, "the chain is longer than one of its authorities allows")
        }
    }
}
