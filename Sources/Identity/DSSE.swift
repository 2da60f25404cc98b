package import Core
package import Crypto

/// Signed bytes of a named type (secure-systems-lab/dsse, `protocol.md` 1.0.0 and `envelope.md`).
///
/// Several keys may sign one payload. A signature of ML-DSA-65 (FIPS 204) beside a classical one keeps an envelope
/// good against who has a quantum computer, and against who breaks the young algorithm.
package struct DSSEEnvelope: Sendable, Hashable {
    package struct Signature: Sendable, Hashable {
        /// A hint which key made it; nothing depends on it.
        package let keyID: String?
        package let bytes: [UInt8]
    }

    package let payloadType: String
    package let payload: [UInt8]
    package let signatures: [Signature]

    private static let mostSignatures = 64
    private static let standardLimit = 64 << 20

    /// Signs a payload with each of the keys.
    package init(payload: [UInt8], type: String, signers: [DSSESigner]) throws {
        let message = Self.encoding(type: type, payload: payload)
        payloadType = type
        self.payload = payload
        signatures = try signers.map { signer in
            Signature(keyID: signer.key.id, bytes: try signer.signature(of: message))
        }
    }

    /// Reads an envelope; members that are not known are ignored, as its specification wants.
    package init(parsing bytes: [UInt8], limit: Int = standardLimit) throws(DSSEError) {
        let value: JSON.Value
        do throws(JSON.ScanError) {
            value = try JSON.parse(bytes, limits: JSON.Limits(maxBytes: limit, maxDepth: 16, maxStringBytes: limit))
        } catch {
            throw DSSEError(.malformed, "the envelope is no json: \(error)")
        }
        guard let object = value.object, let type = object["payloadType"]?.string,
            let text = object["payload"]?.string, let list = object["signatures"]?.array
        else { throw DSSEError(.malformed, "the envelope lacks `payload`, `payloadType` or `signatures`") }
        guard let payload = Self.decode(text) else {
            throw DSSEError(.malformed, "the envelope's `payload` is no base64")
        }
        guard !list.isEmpty, list.count <= Self.mostSignatures else {
            throw DSSEError(.malformed, "the envelope has no signature, or more than \(Self.mostSignatures)")
        }
        var signatures: [Signature] = []
        for entry in list {
            guard let encoded = entry["sig"]?.string, let signature = Self.decode(encoded) else {
                throw DSSEError(.malformed, "a signature of the envelope is no base64")
            }
            let id = entry["keyid"]
            guard id == nil || id?.string != nil else {
                throw DSSEError(.malformed, "`keyid` of a signature is no text")
            }
            let name = id?.string ?? ""
            signatures.append(Signature(keyID: name.isEmpty ? nil : name, bytes: signature))
        }
        payloadType = type
        self.payload = payload
        self.signatures = signatures
    }

    /// Either alphabet (`envelope.md`), but not both at once, and padded where it is the standard one.
    private static func decode(_ text: String) -> [UInt8]? {
        if let bytes = Base64.decode(text.utf8) { return bytes }
        let padding = text.utf8.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard padding == 0 || (padding <= 2 && text.utf8.count.isMultiple(of: 4)) else { return nil }
        return Base64URL.decode(text.utf8.dropLast(padding))
    }

    package var json: JSON.Value {
        [
            "payload": .string(Base64.encode(payload)), "payloadType": .string(payloadType),
            "signatures": .array(
                signatures.map { signature in
                    var object: JSON.Object = ["sig": .string(Base64.encode(signature.bytes))]
                    if let id = signature.keyID { object["keyid"] = .string(id) }
                    return .object(object)
                }
            ),
        ]
    }

    package var bytes: [UInt8] { JSON.canonical(json) }

    /// What is signed, PAE of the specification: every length stands before its bytes, so that nothing can be moved
    /// from the type to the payload.
    package static func encoding(type: String, payload: [UInt8]) -> [UInt8] {
        var bytes = Array("DSSEv1 \(type.utf8.count) \(type) \(payload.count) ".utf8)
        bytes.append(contentsOf: payload)
        return bytes
    }

    /// The payload, if each of these keys has signed it and its type.
    ///
    /// All of them are demanded, so a hybrid pair stays one. Signatures of other keys do not matter. One key counts once
    /// however often it signed.
    package func verify(by keys: [DSSEKey], type: String) throws(DSSEError) -> [UInt8] {
        guard !keys.isEmpty else { throw DSSEError(.noKeys, "there is no key to verify the envelope with") }
        guard payloadType.isSameText(as: type) else {
            throw DSSEError(.wrongType, "the envelope's payload is not of the type `\(type)`")
        }
        let message = Self.encoding(type: payloadType, payload: payload)
        for key in keys {
            guard signatures.contains(where: { key.isValid($0.bytes, of: message) }) else {
                throw DSSEError(.unsigned, "the envelope has no good signature of the key `\(key.id)`")
            }
        }
        return payload
    }
}

/// Why an envelope is not accepted.
package struct DSSEError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, Hashable {
        case malformed = "dsse.malformed"
        case noKeys = "dsse.no-keys"
        case wrongType = "dsse.wrong-type"
        case unsigned = "dsse.unsigned"
    }

    package let code: Code
    package let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(message) [\(code.rawValue)]" }
}

/// A public key that envelopes are verified with.
package enum DSSEKey: Sendable {
    case ed25519(Curve25519.Signing.PublicKey)
    case p256(P256.Signing.PublicKey)
    case mldsa65(MLDSA65.PublicKey)

    package var algorithm: String {
        switch self {
        case .ed25519: "ed25519"
        case .p256: "ecdsa-p256"
        case .mldsa65: "ml-dsa-65"
        }
    }

    /// The key's raw bytes.
    package var bytes: [UInt8] {
        switch self {
        case .ed25519(let key): Array(key.rawRepresentation)
        case .p256(let key): Array(key.x963Representation)
        case .mldsa65(let key): Array(key.rawRepresentation)
        }
    }

    /// The algorithm and the SHA-256 of the raw key.
    package var id: String { "\(algorithm):\(Digest.sha256(bytes).hex)" }

    /// Reads a raw key as `algorithm` names it, or nothing.
    package init?(algorithm: String, bytes: [UInt8]) {
        switch algorithm {
        case "ed25519":
            guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes) else { return nil }
            self = .ed25519(key)
        case "ecdsa-p256":
            guard let key = try? P256.Signing.PublicKey(x963Representation: bytes) else { return nil }
            self = .p256(key)
        case "ml-dsa-65":
            guard let key = try? MLDSA65.PublicKey(rawRepresentation: bytes) else { return nil }
            self = .mldsa65(key)
        default: return nil
        }
    }

    /// ECDSA signatures are two numbers of 32 bytes side by side, as in the specification's own example.
    func isValid(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        switch self {
        case .ed25519(let key): return signature.count == 64 && key.isValidSignature(signature, for: message)
        case .p256(let key):
            guard signature.count == 64, let pair = try? P256.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(pair, for: message)
        case .mldsa65(let key): return key.isValidSignature(signature, for: message)
        }
    }
}

/// A private key that signs envelopes.
package enum DSSESigner: Sendable {
    case ed25519(Curve25519.Signing.PrivateKey)
    case p256(P256.Signing.PrivateKey)
    case mldsa65(MLDSA65.PrivateKey)

    package var key: DSSEKey {
        switch self {
        case .ed25519(let key): .ed25519(key.publicKey)
        case .p256(let key): .p256(key.publicKey)
        case .mldsa65(let key): .mldsa65(key.publicKey)
        }
    }

    func signature(of message: [UInt8]) throws -> [UInt8] {
        switch self {
        case .ed25519(let key): Array(try key.signature(for: message))
        case .p256(let key): Array(try key.signature(for: message).rawRepresentation)
        case .mldsa65(let key): Array(try key.signature(for: message))
        }
    }
}
