import Core
import Crypto

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
        guard key.algorithm == .p256Seed, let certificate = try? Certificate(parsing: bytes) else { return nil }
        certificateKey = Self.derive(from: key.secret.revealed, "certificates")
        tokenKey = Self.derive(from: key.secret.revealed, "tokens")
        guard certificate.publicKeyInfo == Array(certificateKey.publicKey.derRepresentation) else { return nil }
        id = key.id
        created = key.created
        retired = key.retired
        self.certificate = bytes
        expires = certificate.notAfter
    }

    /// A self-signed certificate for a new key.
    static func makeCertificate(
        for key: WorkspaceKey,
        trustDomain: String,
        expires: Timestamp
    ) throws -> [UInt8] {
        let signer = derive(from: key.secret.revealed, "certificates")
        // A name for each key: a chain then fits one authority of a bundle only.
        let name = CertificateForm.name(organization: trustDomain, common: "Lockstep authority \(key.id)")
        return try CertificateForm(
            issuer: name,
            subject: name,
            notBefore: key.created - TokenVerifier.standardSkew,
            notAfter: expires,
            publicKey: signer.publicKey,
            extensions: [
                CertificateForm.authority(below: 0), CertificateForm.usage([.certificates, .revocations]),
                CertificateForm.subjectKeyID(signer.publicKey), CertificateForm.uri("spiffe://\(trustDomain)"),
            ]
        ).sign(with: signer)
    }

    /// A leaf for a workload, signed by this key.
    func issue(
        _ id: SPIFFEID,
        publicKey: P256.Signing.PublicKey,
        from start: Timestamp,
        until end: Timestamp
    ) throws -> [UInt8] {
        try CertificateForm(
            issuer: Array(Certificate(parsing: certificate).subject),
            subject: CertificateForm.name(organization: "Lockstep", common: nil),
            notBefore: start,
            notAfter: end,
            publicKey: publicKey,
            extensions: [
                CertificateForm.noAuthority, CertificateForm.usage(.signature), CertificateForm.bothPurposes,
                CertificateForm.subjectKeyID(publicKey), CertificateForm.authorityKeyID(certificateKey.publicKey),
                CertificateForm.uri(id.description),
            ]
        ).sign(with: certificateKey)
    }

    var tokenSigner: TokenSigner { TokenSigner(.p256(tokenKey), id: id) }

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
