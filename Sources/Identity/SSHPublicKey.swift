import Core
import Crypto
import CryptoExtras
import FoundationEssentials

/// A public key as OpenSSH writes it, checked when it is read.
///
/// Two keys are equal when their encoded bytes are; the comment is only for people.
package struct SSHPublicKey: Hashable, Sendable, CustomStringConvertible {
    /// The key types that may sign; everything else (DSA, certificates, …) is refused when read.
    package enum Kind: String, Sendable, CaseIterable {
        case ed25519 = "ssh-ed25519"
        case ecdsaP256 = "ecdsa-sha2-nistp256"
        case ecdsaP384 = "ecdsa-sha2-nistp384"
        case ecdsaP521 = "ecdsa-sha2-nistp521"
        case rsa = "ssh-rsa"
        case securityKeyEd25519 = "sk-ssh-ed25519@openssh.com"
        case securityKeyP256 = "sk-ecdsa-sha2-nistp256@openssh.com"

        /// The name of the curve inside an ECDSA key.
        var curve: String? {
            switch self {
            case .ecdsaP256, .securityKeyP256: "nistp256"
            case .ecdsaP384: "nistp384"
            case .ecdsaP521: "nistp521"
            case .ed25519, .rsa, .securityKeyEd25519: nil
            }
        }
    }

    enum Material: Sendable {
        case ed25519(Curve25519.Signing.PublicKey)
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
        case rsa(_RSA.Signing.PublicKey, modulusBytes: Int)
    }

    package let kind: Kind
    /// The encoded key, as in the second field of an `authorized_keys` line.
    package let blob: [UInt8]
    package let comment: String
    let material: Material
    /// What a security key was made for (`ssh:` usually); nothing for other kinds.
    let application: [UInt8]?

    /// Smaller RSA keys are refused; OpenSSH's own floor is 1,024 by default, NIST SP 800-131A's is 2,048.
    static let rsaBits = 2048...16384

    /// Reads one line `type base64 comment`, as in an OpenSSH `.pub` file.
    ///
    /// Options in front of the type, as `authorized_keys` knows them, are refused: they would promise what is not kept.
    package init(line: String) throws(SSHError) {
        guard line.utf8.count <= 16384 else {
            throw SSHError(.malformedKey, "the public key is longer than 16384 bytes")
        }
        let trimmed = line.utf8.reversed().drop { $0 == 0x0a || $0 == 0x0d || $0 == 0x20 || $0 == 0x09 }.reversed()
        guard trimmed.allSatisfy({ $0 >= 0x20 || $0 == 0x09 }) else {
            throw SSHError(.malformedKey, "the public key is not one line of text")
        }
        let fields = trimmed.split(maxSplits: 2) { $0 == 0x20 || $0 == 0x09 }.map {
            String(decoding: $0, as: UTF8.self)
        }
        guard fields.count >= 2 else {
            throw SSHError(
                .malformedKey,
                "the public key is not `type base64 comment`",
                help: "paste the whole line of the `.pub` file, for example `ssh-ed25519 AAAA… name`"
            )
        }
        guard Kind(rawValue: fields[0]) != nil else {
            throw Self.unsupported(fields[0])
        }
        guard let blob = Base64.decode(fields[1].utf8) else {
            throw SSHError(.malformedKey, "the public key is not base64")
        }
        try self.init(blob: blob, comment: fields.count > 2 ? fields[2] : "")
        guard kind.rawValue == fields[0] else {
            throw SSHError(
                .malformedKey,
                "the public key says `\(fields[0])` but holds a key of type `\(kind.rawValue)`"
            )
        }
    }

    /// Reads an encoded key and checks that it is usable.
    package init(blob: [UInt8], comment: String = "") throws(SSHError) {
        var reader = SSHReader(blob, code: .malformedKey, subject: "the public key")
        let name = try reader.name()
        guard let kind = Kind(rawValue: name) else { throw Self.unsupported(name) }
        (material, application) = try Self.read(kind, from: &reader)
        try reader.finish()
        self.kind = kind
        self.blob = blob
        self.comment = comment
    }

    /// `SHA256:` and the digest of the key in base64 without padding, as `ssh-keygen -lf` prints it.
    package var fingerprint: String {
        "SHA256:" + Base64.encode(Array(SHA256.hash(data: blob)), padded: false)
    }

    /// The key as a line of an `authorized_keys` file.
    package var line: String {
        let key = kind.rawValue + " " + Base64.encode(blob)
        return comment.isEmpty ? key : key + " " + comment
    }

    package var description: String { fingerprint }

    package static func == (left: SSHPublicKey, right: SSHPublicKey) -> Bool {
        left.blob == right.blob
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(blob)
    }

    private static func unsupported(_ name: String) -> SSHError {
        let shown = name.utf8.count <= 64 ? name : String(name.prefix(64)) + "…"
        return SSHError(
            .unsupportedKey,
            "the key type `\(shown)` is not supported",
            help: "use one of " + Kind.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
        )
    }

    private static func read(_ kind: Kind, from reader: inout SSHReader) throws(SSHError) -> (Material, [UInt8]?) {
        switch kind {
        case .ed25519:
            return (try ed25519(try reader.string()), nil)
        case .securityKeyEd25519:
            let material = try ed25519(try reader.string())
            return (material, try application(from: &reader))
        case .ecdsaP256, .ecdsaP384, .ecdsaP521:
            return (try point(kind, from: &reader), nil)
        case .securityKeyP256:
            let material = try point(kind, from: &reader)
            return (material, try application(from: &reader))
        case .rsa:
            let exponent = try reader.positive(maximumBytes: 4)
            let modulus = try reader.positive(maximumBytes: rsaBits.upperBound / 8)
            return (try rsa(modulus: modulus, exponent: exponent), nil)
        }
    }

    private static func application(from reader: inout SSHReader) throws(SSHError) -> [UInt8] {
        let application = try reader.string()
        guard !application.isEmpty, application.count <= 255 else { throw reader.fault("has no sound application") }
        return application
    }

    private static func ed25519(_ raw: [UInt8]) throws(SSHError) -> Material {
        guard raw.count == 32 else { throw SSHError(.malformedKey, "the public key has the wrong length") }
        guard !isOfSmallOrder(raw) else {
            throw SSHError(.weakKey, "the public key is a point of small order: anyone could sign for it")
        }
        do {
            return .ed25519(try Curve25519.Signing.PublicKey(rawRepresentation: raw))
        } catch {
            throw SSHError(.malformedKey, "the public key is not a point of its curve")
        }
    }

    private static func point(_ kind: Kind, from reader: inout SSHReader) throws(SSHError) -> Material {
        guard try reader.name() == kind.curve else { throw reader.fault("names a curve that is not that of its type") }
        let point = try reader.string()
        // 4 is the uncompressed form; OpenSSH writes no other, and two forms of one key would have two fingerprints.
        guard point.first == 4 else { throw reader.fault("is not an uncompressed point") }
        do {
            switch kind {
            case .ecdsaP384: return .p384(try P384.Signing.PublicKey(x963Representation: point))
            case .ecdsaP521: return .p521(try P521.Signing.PublicKey(x963Representation: point))
            default: return .p256(try P256.Signing.PublicKey(x963Representation: point))
            }
        } catch {
            throw SSHError(.malformedKey, "the public key is not a point of its curve")
        }
    }

    private static func rsa(modulus: [UInt8], exponent: [UInt8]) throws(SSHError) -> Material {
        let bits = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
        guard bits >= rsaBits.lowerBound else {
            throw SSHError(
                .weakKey,
                "the RSA key has \(bits) bits, at least \(rsaBits.lowerBound) are needed",
                help: "make a new key with `ssh-keygen -t ed25519`"
            )
        }
        let isOddAboveOne = (exponent.last ?? 0) & 1 == 1 && exponent != [1]
        guard isOddAboveOne, (modulus.last ?? 0) & 1 == 1 else {
            throw SSHError(.malformedKey, "the public key is not a sound RSA key")
        }
        do {
            return .rsa(try _RSA.Signing.PublicKey(n: modulus, e: exponent), modulusBytes: modulus.count)
        } catch {
            throw SSHError(.malformedKey, "the public key is not a sound RSA key")
        }
    }

    /// Whether a point lies in the subgroup of order 8, for which signatures exist that fit any message.
    ///
    /// The seven y coordinates below p + 2 with that property; the sign bit is ignored. BoringSSL does not check this.
    private static func isOfSmallOrder(_ point: [UInt8]) -> Bool {
        var masked = point
        masked[31] &= 0x7f
        return smallOrder.contains(masked)
    }

    private static let smallOrder: [[UInt8]] = {
        let zeros = [UInt8](repeating: 0, count: 31)
        let ones = [UInt8](repeating: 0xff, count: 30) + [0x7f]
        return [
            [0] + zeros, [1] + zeros, [0xec] + ones, [0xed] + ones, [0xee] + ones,
            [
                0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
                0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
            ],
            [
                0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
                0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
            ],
        ]
    }()
}
