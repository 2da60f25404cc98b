import Core
import Crypto
import FoundationEssentials
import SwiftASN1
import X509

/// One key of the authority: what signs certificates, what signs tokens, and its own certificate.
struct AuthorityKey {
    let id: String
    let created: Timestamp
    let retired: Timestamp?
    /// Signs certificates only; tokens have a key of their own, which follows from the same secret.
    let certificateKey: P256.Signing.PrivateKey
    let tokenKey: P256.Signing.PrivateKey
    /// Its certificate as DER.
    let certificate: [UInt8]
    let expires: Timestamp

    /// `nil` where the certificate is not the key's own.
    init?(_ key: WorkspaceKey, certificate bytes: [UInt8]) {
        guard key.algorithm == .p256Seed, let certificate = try? Certificate(derEncoded: bytes) else { return nil }
        certificateKey = Self.derive(from: key.secret.revealed, "certificates")
        tokenKey = Self.derive(from: key.secret.revealed, "tokens")
        guard certificate.publicKey == Certificate.PublicKey(certificateKey.publicKey) else { return nil }
        id = key.id
        created = key.created
        retired = key.retired
        self.certificate = bytes
        expires = Timestamp(certificate.notValidAfter)
    }

    /// A self-signed certificate for a new key.
    static func makeCertificate(
        for key: WorkspaceKey,
        trustDomain: String,
        expires: Timestamp
    ) throws -> [UInt8] {
        let signer = derive(from: key.secret.revealed, "certificates")
        // A name for each key: a chain then fits one authority of a bundle only.
        let name = try DistinguishedName {
            OrganizationName(trustDomain)
            CommonName("Lockstep authority \(key.id)")
        }
        let certificate = try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: .init(signer.publicKey),
            notValidBefore: (key.created - TokenVerifier.standardSkew).date,
            notValidAfter: expires.date,
            issuer: name,
            subject: name,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: .init(signer.publicKey))
                SubjectAlternativeNames([.uniformResourceIdentifier("spiffe://\(trustDomain)")])
            },
            issuerPrivateKey: .init(signer)
        )
        return try Self.der(certificate)
    }

    /// A leaf for a workload, signed by this key.
    func issue(
        _ id: SPIFFEID,
        publicKey: P256.Signing.PublicKey,
        from start: Timestamp,
        until end: Timestamp
    ) throws -> [UInt8] {
        let authority = try Certificate(derEncoded: certificate)
        let leaf = try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: .init(publicKey),
            notValidBefore: start.date,
            notValidAfter: end.date,
            issuer: authority.subject,
            subject: try DistinguishedName { OrganizationName("Lockstep") },
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectKeyIdentifier(hash: .init(publicKey))
                AuthorityKeyIdentifier(
                    keyIdentifier: SubjectKeyIdentifier(hash: .init(certificateKey.publicKey)).keyIdentifier
                )
                SubjectAlternativeNames([.uniformResourceIdentifier(id.description)])
            },
            issuerPrivateKey: .init(certificateKey)
        )
        return try Self.der(leaf)
    }

    var tokenSigner: TokenSigner { TokenSigner(.p256(tokenKey), id: id) }

    private static func der(_ certificate: Certificate) throws -> [UInt8] {
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return serializer.serializedBytes
    }

    /// A private key that follows from the secret (HKDF-SHA-256, RFC 5869); the few numbers that are none are skipped.
    private static func derive(from secret: [UInt8], _ use: String) -> P256.Signing.PrivateKey {
        var round = 0
        while true {
            let derived = HKDF<SHA256>.deriveKey(
                inputKeyMaterial: SymmetricKey(data: secret),
                info: Array("lockstep.authority/1:\(use):\(round)".utf8),
                outputByteCount: 32
            )
            let bytes = unsafe derived.withUnsafeBytes { unsafe Array($0) }
            if let key = try? P256.Signing.PrivateKey(rawRepresentation: bytes) { return key }
            round += 1
        }
    }
}
