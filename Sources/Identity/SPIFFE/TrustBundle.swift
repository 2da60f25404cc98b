import Core

/// What a trust domain proves its workloads with (SPIFFE Trust Domain and Bundle §4): certificates and token keys.
package struct TrustBundle: Sendable {
    package let trustDomain: String
    /// The certificates of the authorities, as DER.
    package let authorities: [[UInt8]]
    /// The keys for JWT-SVIDs; nothing where the domain has none.
    package let tokenKeys: KeySet?
    /// `spiffe_sequence`: a bundle of a lower one is older.
    package let sequence: Int64?
    let certificates: [Certificate]

    private static let most = 1 << 20

    /// Reads the JWK form of a bundle; `trustDomain` is the one that it was fetched for, as the document names none.
    package init(parsing bytes: [UInt8], trustDomain: String) throws(SVIDFault) {
        let value: JSON.Value
        do {
            value = try JSON.parse(bytes, limits: JSON.Limits(maxBytes: Self.most, maxDepth: 16))
        } catch {
            throw SVIDFault(.bundle, "the bundle is no json: \(error)")
        }
        guard let list = value["keys"]?.array else { throw SVIDFault(.bundle, "the bundle has no list `keys`") }
        var certificates: [[UInt8]] = []
        var tokens: [JSON.Value] = []
        for (position, entry) in list.enumerated() {
            guard entry.object != nil, entry["kty"]?.string != nil else {
                throw SVIDFault(.bundle, "key \(position + 1) of the bundle is no key")
            }
            switch entry["use"]?.string {
            case "x509-svid":
                // Exactly one certificate a key: a chain here would say that intermediates are trusted too.
                guard let chain = entry["x5c"]?.array, chain.count == 1,
                    let bytes = chain[0].string.flatMap({ Base64.decode($0.utf8) })
                else { throw SVIDFault(.bundle, "key \(position + 1) of the bundle has not exactly one certificate") }
                certificates.append(bytes)
            case "jwt-svid": tokens.append(entry)
            // Uses that are not known are ignored, as the specification wants.
            default: break
            }
        }
        var keys: KeySet?
        if !tokens.isEmpty {
            do throws(KeySetError) {
                keys = try KeySet(tokens, uses: ["jwt-svid"], needsIDs: true)
            } catch {
                throw SVIDFault(.bundle, "the bundle's keys for tokens: \(error.message)")
            }
        }
        try self.init(
            trustDomain: trustDomain,
            authorities: certificates,
            tokenKeys: keys,
            sequence: value["spiffe_sequence"]?.int
        )
    }

    /// A bundle of certificates as DER.
    package init(
        trustDomain: String,
        authorities: [[UInt8]],
        tokenKeys: KeySet? = nil,
        sequence: Int64? = nil
    ) throws(SVIDFault) {
        guard (try? SPIFFEID("spiffe://\(trustDomain)"))?.isTrustDomain == true else {
            throw SVIDFault(.bundle, "the name of the bundle's trust domain is none")
        }
        self.trustDomain = trustDomain
        self.authorities = authorities
        self.tokenKeys = tokenKeys
        self.sequence = sequence
        var certificates: [Certificate] = []
        for bytes in authorities {
            guard let certificate = try? Certificate(parsing: bytes) else {
                throw SVIDFault(.bundle, "a certificate of the bundle cannot be read")
            }
            certificates.append(certificate)
        }
        self.certificates = certificates
    }
}
