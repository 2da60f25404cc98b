import Core
import Crypto
import CryptoExtras

/// An X.509 certificate (RFC 5280) as far as identities need it: version 3, read strictly, not verified yet.
struct Certificate: Sendable, Hashable {
    struct Extension: Sendable, Hashable {
        let id: [UInt8]
        let isCritical: Bool
        let value: ArraySlice<UInt8>
    }

    let bytes: [UInt8]
    let serial: [UInt8]
    /// The names in their encoding: they are compared byte by byte, as authorities copy them.
    let issuer: ArraySlice<UInt8>
    let subject: ArraySlice<UInt8>
    let notBefore: Timestamp
    let notAfter: Timestamp
    let publicKeyInfo: [UInt8]
    let extensions: [Extension]
    private let signed: ArraySlice<UInt8>
    private let algorithm: [UInt8]
    private let signature: [UInt8]

    init(parsing bytes: [UInt8]) throws(SVIDFault) {
        var outer = DER.Reader(bytes[...])
        var reader = DER.Reader(try outer.next(DER.sequence).content)
        try outer.finish()
        let body = try reader.next(DER.sequence)
        let algorithm = try reader.next(DER.sequence)
        signature = Array(try Self.bits(try reader.next(DER.bitString)))
        try reader.finish()
        var fields = DER.Reader(body.content)
        var version = DER.Reader(try fields.next(DER.tagged(0)).content)
        guard try version.next(DER.integer).content == [2] else { throw DER.Reader.fault }
        try version.finish()
        let serial = try fields.number()
        guard serial.count <= 21 else { throw DER.Reader.fault }
        self.serial = Array(serial.first == 0 ? serial.dropFirst() : serial)
        try DER.check(algorithm: algorithm)
        // The algorithm stands twice, and only the inner one is signed (RFC 5280 §4.1.1.2).
        guard try fields.next(DER.sequence).whole == algorithm.whole else { throw DER.Reader.fault }
        let issuer = try fields.next(DER.sequence)
        try DER.check(name: issuer)
        self.issuer = issuer.whole
        var validity = DER.Reader(try fields.next(DER.sequence).content)
        notBefore = try Self.time(try validity.next())
        notAfter = try Self.time(try validity.next())
        try validity.finish()
        let subject = try fields.next(DER.sequence)
        try DER.check(name: subject)
        self.subject = subject.whole
        let key = try fields.next(DER.sequence)
        try Self.check(key: key)
        publicKeyInfo = Array(key.whole)
        var list = DER.Reader(try fields.next(DER.tagged(3)).content)
        var entries = DER.Reader(try list.next(DER.sequence).content)
        try list.finish()
        try fields.finish()
        var extensions: [Extension] = []
        while !entries.isAtEnd {
            var entry = DER.Reader(try entries.next(DER.sequence).content)
            let id = Array(try entry.next(DER.object).content)
            let isCritical = try entry.flag()
            let value = try entry.next(DER.octetString).content
            try entry.finish()
            guard !extensions.contains(where: { $0.id == id }) else { throw DER.Reader.fault }
            extensions.append(Extension(id: id, isCritical: isCritical, value: value))
        }
        self.extensions = extensions
        self.bytes = bytes
        self.algorithm = Array(algorithm.whole)
        signed = body.whole
    }

    subscript(id: [UInt8]) -> Extension? { extensions.first { $0.id == id } }

    /// The bits of a string that has whole bytes only.
    private static func bits(_ value: DER.Value) throws(SVIDFault) -> ArraySlice<UInt8> {
        guard value.content.first == 0 else { throw DER.Reader.fault }
        return value.content.dropFirst()
    }

    /// Checks what a public key is written in: its algorithm, and whole bytes.
    private static func check(key: DER.Value) throws(SVIDFault) {
        var reader = DER.Reader(key.content)
        try DER.check(algorithm: reader.next(DER.sequence))
        _ = try bits(reader.next(DER.bitString))
        try reader.finish()
    }

    /// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280 §4.1.2.5).
    private static func time(_ value: DER.Value) throws(SVIDFault) -> Timestamp {
        var text = String(decoding: value.content, as: UTF8.self)
        switch (value.tag, text.utf8.count) {
        case (DER.utcTime, 13): text = (text < "50" ? "20" : "19") + text
        case (DER.generalTime, 15): break
        default: throw DER.Reader.fault
        }
        let digits = Array(text.utf8.dropLast())
        func part(_ range: Range<Int>) -> String { String(decoding: digits[range], as: UTF8.self) }
        let date = "\(part(0..<4))-\(part(4..<6))-\(part(6..<8))"
        let clock = "\(part(8..<10)):\(part(10..<12)):\(part(12..<14))"
        guard text.utf8.last == UInt8(ascii: "Z"), let time = Timestamp(rfc3339: "\(date)T\(clock)Z") else {
            throw DER.Reader.fault
        }
        return time
    }

    // MARK: Extensions

    /// Whether it is an authority, and how many more may stand below it.
    func authority() throws(SVIDFault) -> (isOne: Bool, most: Int?) {
        guard let held = self[ObjectID.basicConstraints] else { return (false, nil) }
        var outer = DER.Reader(held.value)
        var reader = DER.Reader(try outer.next(DER.sequence).content)
        try outer.finish()
        let isOne = try reader.flag()
        var most: Int?
        if reader.nextTag == DER.integer {
            let content = try reader.number()
            guard content.count == 1, let count = content.first else { throw DER.Reader.fault }
            most = Int(count)
        }
        try reader.finish()
        return (isOne, most)
    }

    struct Usage: OptionSet {
        let rawValue: UInt8
        static let signature = Usage(rawValue: 0x80)
        static let certificates = Usage(rawValue: 0x04)
        static let revocations = Usage(rawValue: 0x02)
    }

    /// What the key may be used for; the extension has to be there and critical.
    func usage() throws(SVIDFault) -> Usage {
        guard let held = self[ObjectID.keyUsage], held.isCritical else {
            throw SVIDFault(.usage, "a certificate lacks a critical key usage")
        }
        var reader = DER.Reader(held.value)
        let bits = try reader.next(DER.bitString).content
        try reader.finish()
        // Nine uses are named; the last bit that is written is one, and what comes after it is none (X.690 §11.2).
        guard let unused = bits.first, unused < 8, bits.count == 2 || (bits.count == 3 && unused == 7),
            let usage = bits.dropFirst().first, let last = bits.last, last.trailingZeroBitCount == unused
        else { throw DER.Reader.fault }
        return Usage(rawValue: usage)
    }

    /// The purposes of the key, or nothing where all are allowed.
    func purposes() throws(SVIDFault) -> [[UInt8]]? {
        guard let held = self[ObjectID.extendedKeyUsage] else { return nil }
        var outer = DER.Reader(held.value)
        var reader = DER.Reader(try outer.next(DER.sequence).content)
        try outer.finish()
        var purposes: [[UInt8]] = []
        while !reader.isAtEnd { purposes.append(Array(try reader.next(DER.object).content)) }
        return purposes
    }

    /// The URIs among the alternative names.
    func uris() throws(SVIDFault) -> [String] {
        guard let held = self[ObjectID.alternativeName] else { return [] }
        var outer = DER.Reader(held.value)
        var reader = DER.Reader(try outer.next(DER.sequence).content)
        try outer.finish()
        var uris: [String] = []
        while !reader.isAtEnd {
            let name = try reader.next()
            // One of the nine choices of a general name (RFC 5280 §4.2.1.6), whether it is read here or not.
            // Four of them are made of others, and three are text in ASCII.
            let kind = name.tag & 0x1F
            guard name.tag & 0xC0 == 0x80, kind <= 8, (name.tag & 0x20 != 0) == [0, 3, 4, 5].contains(kind),
                ![1, 2, 6].contains(kind) || name.content.allSatisfy({ $0 < 0x80 })
            else { throw DER.Reader.fault }
            try DER.check(name)
            // [6] of the context, IA5String.
            guard name.tag == 0x86 else { continue }
            uris.append(String(decoding: name.content, as: UTF8.self))
        }
        return uris
    }

    // MARK: Signatures

    private enum Hash { case sha256, sha384, sha512 }
    private enum Method { case ecdsa(Hash), rsa(Hash), ed25519 }

    /// The algorithm identifiers that are accepted, parameters included (RFC 5758, RFC 4055, RFC 8410); no SHA-1.
    private var method: Method? {
        let ecdsa: [UInt8] = [0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03]
        let rsa: [UInt8] = [0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01]
        switch algorithm {
        case ecdsa + [0x02]: return .ecdsa(.sha256)
        case ecdsa + [0x03]: return .ecdsa(.sha384)
        case ecdsa + [0x04]: return .ecdsa(.sha512)
        case rsa + [0x0B, 0x05, 0x00]: return .rsa(.sha256)
        case rsa + [0x0C, 0x05, 0x00]: return .rsa(.sha384)
        case rsa + [0x0D, 0x05, 0x00]: return .rsa(.sha512)
        case [0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70]: return .ed25519
        default: return nil
        }
    }

    var hasKnownAlgorithm: Bool { method != nil }

    /// Whether the key of another certificate signed this one; names are not looked at.
    func isSigned(by issuer: Certificate) -> Bool {
        let info = issuer.publicKeyInfo
        switch method {
        case .ecdsa(let hash):
            switch hash {
            case .sha256: return Self.isValid(signature, SHA256.hash(data: signed), info)
            case .sha384: return Self.isValid(signature, SHA384.hash(data: signed), info)
            case .sha512: return Self.isValid(signature, SHA512.hash(data: signed), info)
            }
        case .rsa(let hash):
            guard let key = try? _RSA.Signing.PublicKey(derRepresentation: info) else { return false }
            let proof = _RSA.Signing.RSASignature(rawRepresentation: signature)
            switch hash {
            case .sha256:
                return key.isValidSignature(proof, for: SHA256.hash(data: signed), padding: .insecurePKCS1v1_5)
            case .sha384:
                return key.isValidSignature(proof, for: SHA384.hash(data: signed), padding: .insecurePKCS1v1_5)
            case .sha512:
                return key.isValidSignature(proof, for: SHA512.hash(data: signed), padding: .insecurePKCS1v1_5)
            }
        case .ed25519:
            // The head of a key's encoding, which has no parameters (RFC 8410 §4).
            let head: [UInt8] = [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]
            guard info.count == 44, info.starts(with: head),
                let key = try? Curve25519.Signing.PublicKey(rawRepresentation: info.dropFirst(head.count))
            else { return false }
            return key.isValidSignature(signature, for: signed)
        case nil: return false
        }
    }

    private static func isValid(_ signature: [UInt8], _ digest: some Crypto.Digest, _ info: [UInt8]) -> Bool {
        if let key = try? P256.Signing.PublicKey(derRepresentation: info) {
            let pair = try? P256.Signing.ECDSASignature(derRepresentation: signature)
            return pair.map { key.isValidSignature($0, for: digest) } ?? false
        }
        if let key = try? P384.Signing.PublicKey(derRepresentation: info) {
            let pair = try? P384.Signing.ECDSASignature(derRepresentation: signature)
            return pair.map { key.isValidSignature($0, for: digest) } ?? false
        }
        if let key = try? P521.Signing.PublicKey(derRepresentation: info) {
            let pair = try? P521.Signing.ECDSASignature(derRepresentation: signature)
            return pair.map { key.isValidSignature($0, for: digest) } ?? false
        }
        return false
    }
}
