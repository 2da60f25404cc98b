import Core
import Crypto

/// A certificate that is about to be signed (RFC 5280 §4.1), of a key of P-256 by a key of P-256.
struct CertificateForm {
    var issuer: [UInt8]
    var subject: [UInt8]
    var notBefore: Timestamp
    var notAfter: Timestamp
    var publicKey: P256.Signing.PublicKey
    var extensions: [[UInt8]]

    /// `ecdsa-with-SHA256` (RFC 5758 §3.2).
    private static let algorithm: [UInt8] = [0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02]

    /// The certificate as DER, under a random serial number of 127 bits.
    func sign(with key: P256.Signing.PrivateKey) throws -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        var serial = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        // Positive, and never shorter than its bytes.
        serial[0] = serial[0] & 0x7F | 0x40
        let body = DER.value(
            DER.sequence,
            DER.value(DER.tagged(0), DER.value(DER.integer, [2])),
            DER.value(DER.integer, serial),
            Self.algorithm,
            issuer,
            DER.value(DER.sequence, Self.time(notBefore), Self.time(notAfter)),
            subject,
            Array(publicKey.derRepresentation),
            DER.value(DER.tagged(3), DER.value(DER.sequence, extensions.flatMap(\.self)))
        )
        let signature = Array(try key.signature(for: body).derRepresentation)
        return DER.value(DER.sequence, body, Self.algorithm, DER.value(DER.bitString, [0], signature))
    }

    /// Times to 2049 have two digits of the year (RFC 5280 §4.1.2.5).
    private static func time(_ time: Timestamp) -> [UInt8] {
        let digits = time.description.utf8.prefix(19).filter { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        let isShort = digits.starts(with: "20".utf8) && digits[2] < UInt8(ascii: "5")
        return DER.value(isShort ? DER.utcTime : DER.generalTime, isShort ? Array(digits.dropFirst(2)) : digits, [0x5A])
    }

    static func name(organization: String, common: String?) -> [UInt8] {
        func part(_ id: [UInt8], _ text: String) -> [UInt8] {
            DER.value(
                DER.set,
                DER.value(DER.sequence, DER.value(DER.object, id), DER.value(DER.text, Array(text.utf8)))
            )
        }
        return DER.value(
            DER.sequence,
            part(ObjectID.organization, organization),
            common.map { part(ObjectID.commonName, $0) } ?? []
        )
    }

    private static func entry(_ id: [UInt8], isCritical: Bool = false, _ value: [UInt8]) -> [UInt8] {
        DER.value(
            DER.sequence,
            DER.value(DER.object, id),
            isCritical ? DER.value(DER.boolean, [0xFF]) : [],
            DER.value(DER.octetString, value)
        )
    }

    static func authority(below most: UInt8) -> [UInt8] {
        entry(
            ObjectID.basicConstraints,
            isCritical: true,
            DER.value(DER.sequence, DER.value(DER.boolean, [0xFF]), DER.value(DER.integer, [most]))
        )
    }

    static let noAuthority = entry(ObjectID.basicConstraints, isCritical: true, DER.value(DER.sequence))

    static func usage(_ usage: Certificate.Usage) -> [UInt8] {
        let unused = UInt8(usage.rawValue.trailingZeroBitCount)
        return entry(ObjectID.keyUsage, isCritical: true, DER.value(DER.bitString, [unused, usage.rawValue]))
    }

    static let bothPurposes = entry(
        ObjectID.extendedKeyUsage,
        DER.value(
            DER.sequence,
            DER.value(DER.object, ObjectID.serverAuthentication),
            DER.value(DER.object, ObjectID.clientAuthentication)
        )
    )

    /// The first 160 bits of the SHA-256 of the key (RFC 7093 §2, method 1).
    private static func keyID(_ key: P256.Signing.PublicKey) -> [UInt8] {
        Array(Array(SHA256.hash(data: key.x963Representation)).prefix(20))
    }

    static func subjectKeyID(_ key: P256.Signing.PublicKey) -> [UInt8] {
        entry(ObjectID.subjectKeyID, DER.value(DER.octetString, keyID(key)))
    }

    static func authorityKeyID(_ key: P256.Signing.PublicKey) -> [UInt8] {
        entry(ObjectID.authorityKeyID, DER.value(DER.sequence, DER.value(0x80, keyID(key))))
    }

    static func uri(_ uri: String) -> [UInt8] {
        entry(ObjectID.alternativeName, DER.value(DER.sequence, DER.value(0x86, Array(uri.utf8))))
    }
}
