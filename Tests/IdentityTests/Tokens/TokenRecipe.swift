import Core
import Crypto
import Foundation

@testable import Identity

/// Makes compact JWS from the recipes of the bypass corpus (`Tests/Interop/Cases/bypass/README.md`), odd ones included.
struct TokenMaker {
    static let issuer = "https://issuer.example"
    static let origin = "http://127.0.0.1:8800"

    let now: Timestamp
    private var keys: [String: P256.Signing.PrivateKey] = [:]
    private var serial = 0

    init(now: Timestamp) {
        self.now = now
    }

    mutating func key(_ name: String) -> P256.Signing.PrivateKey {
        if let key = keys[name] { return key }
        let key = P256.Signing.PrivateKey()
        keys[name] = key
        return key
    }

    mutating func keySet(_ name: String) throws -> KeySet {
        var members = publicMembers(key(name))
        members["kid"] = .string("\(name)-1")
        return try KeySet(parsing: JSON.canonical(["keys": [.object(members)]]))
    }

    func publicMembers(_ key: P256.Signing.PrivateKey) -> JSON.Object {
        TokenSigner(.p256(key), id: nil).publicMembers
    }

    /// The bytes of a recipe; `token` is what `$ath` is the hash of.
    mutating func make(_ recipe: JSON.Value, token: [UInt8] = []) throws -> [UInt8] {
        let signer = recipe["key"]?.string ?? ""
        let header = try recipe["header-text"]?.string ?? text(recipe["header"] ?? [:], signer, token)
        let payload = try recipe["text"].map { pieces($0) } ?? text(recipe["claims"] ?? [:], signer, token)
        let odd = recipe["signature"]?.string
        let head = Base64URL.encode(Array(header.utf8))
        let signed = "\(head).\(Base64URL.encode(Array(payload.utf8)))"
        if signer == "encrypted-to-gateway" {
            return Array("\(head).AAAA.AAAA.\(Base64URL.encode(Array(payload.utf8))).AAAA".utf8)
        }
        var signature = try sign(Array((odd == "of-another" ? signed + "A" : signed).utf8), signer, odd == "der")
        switch odd {
        case "empty": signature = []
        case "zeros": signature = [UInt8](repeating: 0, count: 64)
        case "json-form":
            let parts = signed.split(separator: ".").map(String.init)
            return Array(
                #"{"protected":"\#(parts[0])","payload":"\#(parts[1])","signature":"\#(Base64URL.encode(signature))"}"#
                    .utf8
            )
        case "four-parts": return Array("\(signed).\(Base64URL.encode(signature)).AAAA".utf8)
        case "padded": return Array("\(signed).\(Base64URL.encode(signature))==".utf8)
        default: break
        }
        return Array("\(signed).\(Base64URL.encode(signature))".utf8)
    }

    private mutating func sign(_ bytes: [UInt8], _ signer: String, _ isDER: Bool) throws -> [UInt8] {
        if signer == "none" { return [] }
        let secret: [UInt8]? =
            switch signer {
            case "issuer-public-as-secret": Array(key("issuer").publicKey.pemRepresentation.utf8)
            case "empty-secret": []
            case _ where signer.hasPrefix("secret:"): Array(signer.dropFirst(7).utf8)
            default: nil
            }
        if let secret {
            return Array(HMAC<SHA256>.authenticationCode(for: bytes, using: SymmetricKey(data: secret)))
        }
        let signature = try key(signer).signature(for: bytes)
        return Array(isDER ? signature.derRepresentation : signature.rawRepresentation)
    }

    private mutating func text(_ value: JSON.Value, _ signer: String, _ token: [UInt8]) throws -> String {
        filled(value, signer, token).description
    }

    private mutating func pieces(_ value: JSON.Value) -> String {
        var text = ""
        for piece in value.array ?? [value] {
            if let plain = piece.string {
                text += plain
            } else if let name = piece["of"]?.string {
                switch name {
                case "json:issuer": text += JSON.Value.string(Self.issuer).description
                case _ where name.hasPrefix("json:resource:"):
                    text += JSON.Value.string(Self.origin + name.dropFirst(14)).description
                case _ where name.hasPrefix("now"): text += String(now.epochSeconds + (Int64(name.dropFirst(3)) ?? 0))
                default: break
                }
            }
        }
        return text
    }

    private mutating func filled(_ value: JSON.Value, _ signer: String, _ token: [UInt8]) -> JSON.Value {
        switch value {
        case .array(let list): return .array(list.map { filled($0, signer, token) })
        case .object(let object):
            if let text = object["repeat"]?.string, let times = object["times"]?.int {
                return .string(String(repeating: text, count: Int(times)))
            }
            return .object(JSON.Object(object.map { (key: $0.key, value: filled($0.value, signer, token)) }))
        case .string(let text): return filled(text, signer, token)
        default: return value
        }
    }

    private mutating func filled(_ text: String, _ signer: String, _ token: [UInt8]) -> JSON.Value {
        guard text.hasPrefix("$") else { return .string(text) }
        if text.hasPrefix("$issuer") { return .string(Self.issuer + text.dropFirst(7)) }
        if text.hasPrefix("$resource:") { return .string(Self.origin + text.dropFirst(10)) }
        if text.hasPrefix("$url:") { return .string(Self.origin + text.dropFirst(5)) }
        if text.hasPrefix("$now") {
            let rest = text.dropFirst(4)
            if rest.contains(".") { return .number(Double(now.epochSeconds) + (Double(rest) ?? 0)) }
            return .integer(now.epochSeconds + (Int64(rest) ?? 0))
        }
        if text.hasPrefix("$public:") { return .object(publicMembers(key(String(text.dropFirst(8))))) }
        if text.hasPrefix("$private:") {
            let key = key(String(text.dropFirst(9)))
            var members = publicMembers(key)
            members["d"] = .string(Base64URL.encode(Array(key.rawRepresentation)))
            return .object(members)
        }
        if text.hasPrefix("$thumbprint:") {
            return .string(Base64URL.encode(TokenSigner(.p256(key(String(text.dropFirst(12)))), id: nil).thumbprint))
        }
        switch text {
        case "$kid": return .string("\(signer == "none" ? "issuer" : signer)-1")
        case "$ath": return .string(Base64URL.encode(Array(SHA256.hash(data: token))))
        case "$new":
            serial += 1
            return .string("id-\(serial)")
        default: return .string(text)
        }
    }
}

/// The cases of the corpus that are decided by tokens and proofs.
enum BypassCorpus {
    static func cases(_ file: String) throws -> [JSON.Value] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appending(path: "Interop/Cases/bypass/\(file).ndjson"), encoding: .utf8)
        return try text.split(separator: "\n").map { try JSON.parse(String($0)) }
    }
}
