package import Core
package import Crypto

/// A workload's own private key (P-256) as it lies in a file: for its certificate, its proofs and its statements.
package struct AgentKey: Sendable {
    private let key: P256.Signing.PrivateKey

    private static let longestFile = 64 << 10

    /// A new key.
    package init() {
        key = P256.Signing.PrivateKey()
    }

    /// Reads a PEM file that nobody but its owner may read; nothing where there is no file.
    package init?(file: String) throws(AuthorityError) {
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try StoredFile.read(file, limit: Self.longestFile, kind: .secret)
        } catch {
            if error == .missing { return nil }
            throw AuthorityError(.request, "`\(file)` \(error.sentence)")
        }
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: String(decoding: bytes, as: UTF8.self)) else {
            throw AuthorityError(
                .request,
                "`\(file)` holds no private key of P-256 in pem",
                help: "make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"
            )
        }
        self.key = key
    }

    package var publicKey: P256.Signing.PublicKey { key.publicKey }

    /// The key as PKCS #8 in PEM; it is the secret itself.
    package var pem: Redacted<String> { Redacted(key.pemRepresentation + "\n") }

    /// Signs tokens as this key, named by its thumbprint.
    package var signer: TokenSigner {
        TokenSigner(.p256(key), id: Base64URL.encode(TokenSigner(.p256(key), id: nil).thumbprint))
    }

    package var thumbprint: [UInt8] { signer.thumbprint }
}

/// Certificates as PEM (RFC 7468).
package enum CertificateText {
    package static func pem(_ chain: [[UInt8]]) -> String {
        chain.map { certificate in
            var lines = ["-----BEGIN CERTIFICATE-----"]
            var rest = Substring(Base64.encode(certificate))
            while !rest.isEmpty {
                lines.append(String(rest.prefix(64)))
                rest = rest.dropFirst(64)
            }
            lines.append("-----END CERTIFICATE-----")
            return lines.joined(separator: "\n") + "\n"
        }.joined()
    }
}
