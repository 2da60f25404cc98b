package import Core

/// Holds a request to what its token is bound to: a proof of possession (RFC 9449), a certificate, or nothing.
package struct DPoPVerifier: Sendable {
    /// How old a proof may be.
    package let longestAge: Duration
    /// How far the clocks of clients may run ahead.
    package let skew: Duration
    package let algorithms: Set<SignatureAlgorithm>
    private let replays: ReplayCache

    package static let standardAge: Duration = .seconds(60)
    private static let longestProof = 8 << 10
    private static let longestID = 256

    /// Verifiers that share a cache see one another's proofs: all event loops of a gateway need the same one.
    package init(
        replays: ReplayCache,
        longestAge: Duration = standardAge,
        skew: Duration = TokenVerifier.standardSkew,
        algorithms: Set<SignatureAlgorithm> = SignatureAlgorithm.standard
    ) {
        self.replays = replays
        self.longestAge = longestAge
        self.skew = skew
        self.algorithms = algorithms
    }

    /// Decides whether the sender of a request may use its token.
    ///
    /// - Parameters:
    ///   - token: What was proved by the token of the request.
    ///   - scheme: How the token was sent. A bound token is never a bearer token, and an unbound one no DPoP token.
    ///   - proofs: The values of all `DPoP` fields; exactly one for a token bound to a key, none otherwise.
    ///   - method: The request's method as sent; methods differ by case.
    ///   - address: The route's own address, not what `Host` says.
    ///   - certificate: The SHA-256 digest of the TLS client certificate, where there is one.
    ///   - now: The time of the request.
    /// - Throws: Why the request is refused, and with which answer.
    package func admit(
        _ token: VerifiedToken,
        scheme: Credentials.Scheme,
        proofs: [[UInt8]],
        method: String,
        address: HTTPAddress,
        certificate: [UInt8]? = nil,
        now: Timestamp
    ) throws(TokenFault) {
        switch token.confirmation {
        case .none, .certificate:
            guard scheme == .bearer, proofs.isEmpty else {
                throw TokenFault(.scheme, "a proof of possession comes with a token that is bound to no key")
            }
            guard case .certificate(let digest) = token.confirmation else { return }
            guard certificate == digest else {
                throw TokenFault(.certificate, "the token is bound to another certificate than the connection's")
            }
        case .key(let thumbprint):
            guard scheme == .dpop else {
                throw TokenFault(.scheme, "the token is bound to a key and cannot be used as a bearer token")
            }
            guard proofs.count == 1 else {
                let message =
                    proofs.isEmpty ? "the proof of possession is missing" : "there are two proofs of possession"
                throw TokenFault(.proof, message, answer: .invalidProof)
            }
            try verify(proofs[0], of: thumbprint, token: token.digest, method: method, address: address, now: now)
        }
    }

    private func verify(
        _ bytes: [UInt8],
        of thumbprint: [UInt8],
        token: Digest,
        method: String,
        address: HTTPAddress,
        now: Timestamp
    ) throws(TokenFault) {
        let proof: JSONWebToken
        do {
            proof = try JSONWebToken(parsing: bytes, limit: Self.longestProof, mayEmbedKey: true)
        } catch {
            throw error.ofProof()
        }
        func refuse(_ message: String, _ code: TokenFault.Code = .proofMismatch) -> TokenFault {
            TokenFault(code, message, answer: .invalidProof)
        }
        guard proof.envelope.type == "dpop+jwt" else { throw refuse("the proof's `typ` is not `dpop+jwt`", .type) }
        guard algorithms.contains(proof.envelope.algorithm) else {
            throw refuse("the proof's algorithm is not accepted", .algorithm)
        }
        guard let members = proof.envelope.embeddedKey, let key = try? JSONWebKey(members),
            key.fits(proof.envelope.algorithm)
        else { throw refuse("the proof's `jwk` is no public key for its algorithm", .header) }
        // The binding comes before the signature: a proof of another key is not worth the arithmetic.
        guard key.thumbprint == thumbprint else { throw refuse("the proof is of another key than the token's") }
        guard proof.envelope.isSigned(by: key.key) else { throw refuse("the proof's signature is wrong", .signature) }
        let claims = proof.claims
        guard claims["htm"]?.string?.isSameText(as: method) == true else {
            throw refuse("the proof is for another method")
        }
        guard let named = claims["htu"]?.string.flatMap({ HTTPAddress($0) }), named == address else {
            throw refuse("the proof is for another address")
        }
        guard let hash = claims["ath"]?.string, Base64URL.decode(hash.utf8) == token.bytes else {
            throw refuse("the proof is for another token")
        }
        guard let id = claims["jti"]?.string, !id.isEmpty, id.utf8.count <= Self.longestID else {
            throw refuse("the proof has no id", .claim)
        }
        let issued: Timestamp?
        do { issued = try proof.time("iat") } catch { throw error.ofProof() }
        guard let issued else { throw refuse("the proof has no time", .claim) }
        guard issued <= now + skew else { throw refuse("the proof is from the future", .notYetValid) }
        guard issued + longestAge >= now else { throw refuse("the proof is too old", .tooOld) }
        try replays.admit(id: id, thumbprint: thumbprint, until: issued + longestAge, now: now)
    }
}
