package import Core
import Identity
import Inspection
import Wire
import Workspace

/// Replaces the secrets of recordings that were never imported, as an import would have replaced them.
///
/// Most texts hold none, so each is first looked at for signs of one, and a long one that comes again only once.
package struct RawSecrets: Sendable {
    private let tokeniser: Tokeniser
    // By hashes of their bytes under a key of this process, since `String` also equates different spellings of one letter.
    /// What members are called, and whether that alone makes their values secrets.
    private var names: [Int: Bool] = [:]
    /// Long texts without a sign.
    private var plain: Set<Int> = []
    /// Of the record before, whose names mostly come again.
    private var last: [String] = []

    private static let mostKept = 1 << 16
    /// Shorter ones are read as quickly as they are found.
    private static let longText = 64

    package init(digest: @escaping @Sendable (String) -> String) {
        tokeniser = .secrets(digest: digest)
    }

    /// With the tokens of the workspace that the command works in; outside of one under a key that everybody knows, since
    /// these tokens are compared and never kept.
    ///
    /// `note` takes a sentence where the key of the workspace cannot be had: then the tokens are others.
    package static func here(_ note: (String) -> Void = { _ in }) -> RawSecrets {
        var key = WorkspaceKey.open
        if let folder = RecordingSource.here() {
            do throws(KeyStoreError) {
                key = try KeyStore(directory: folder.keys).load(.redact).current
            } catch {
                note("secrets have other tokens than in the workspace: \(error.message)")
            }
        }
        return RawSecrets(key)
    }

    private init(_ key: WorkspaceKey) {
        self.init { KeyedDigest(of: $0, key: key).description }
    }

    package mutating func replace(in record: inout CallRecord) {
        if mayHold(record) { tokeniser.apply(to: &record) }
    }

    /// Asks whatever `Tokeniser.apply` changes.
    private mutating func mayHold(_ record: CallRecord) -> Bool {
        if mayHold(record.arguments) { return true }
        if let result = record.result {
            if let text = result.text, mayHold(text) { return true }
            if let structured = result.structured, mayHold(structured, nil) { return true }
        }
        // An address with a user has no scheme by which it could be told.
        if let address = record.peerAddress, address.utf8.contains(UInt8(ascii: "@")) || mayHold(address) {
            return true
        }
        if record.provenance.keys.contains(where: { mayHold($0) }) || record.delegation.contains(where: { mayHold($0) })
        {
            return true
        }
        if let id = record.id, mayHold(id) { return true }
        return mayHoldNames(record)
    }

    private mutating func mayHoldNames(_ record: CallRecord) -> Bool {
        let names = [
            record.session, record.principal.id, record.server, record.tool, record.task?.text ?? "",
            record.task?.id ?? "", record.clientName ?? "", record.clientVersion ?? "", record.definition ?? "",
            record.source?.file ?? "",
        ]
        for (place, name) in names.enumerated() where last.isEmpty || !Self.isSame(last[place], name) {
            if mayHold(name) { return true }
        }
        last = names
        return false
    }

    private mutating func mayHold(_ text: String) -> Bool {
        let bytes = text.utf8.span
        guard bytes.count >= Self.longText else { return Credentials.mayHoldSecret(bytes) }
        let hash = Self.hash(text)
        if plain.contains(hash) { return false }
        if Credentials.mayHoldSecret(bytes) { return true }
        if plain.count >= Self.mostKept { plain.removeAll(keepingCapacity: true) }
        plain.insert(hash)
        return false
    }

    private mutating func mayHold(_ object: JSON.Object) -> Bool {
        for (name, value) in object where mayHold(name) || mayHold(value, name) { return true }
        return false
    }

    private mutating func mayHold(_ value: JSON.Value, _ name: String?) -> Bool {
        switch value {
        case .string(let text): return mayHold(text) || name.map { isSecret($0) } ?? false
        case .integer, .number: return name.map { isSecret($0) } ?? false
        case .array(let elements): return elements.contains { mayHold($0, name) }
        case .object(let object): return mayHold(object)
        case .null, .bool: return false
        }
    }

    private mutating func isSecret(_ name: String) -> Bool {
        let hash = Self.hash(name)
        if let known = names[hash] { return known }
        let isSecret = Credentials.mayNameSecret(name)
        if names.count >= Self.mostKept { names.removeAll(keepingCapacity: true) }
        names[hash] = isSecret
        return isSecret
    }

    private static func hash(_ text: String) -> Int {
        var hasher = Hasher()
        unsafe text.utf8.span.bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return hasher.finalize()
    }

    private static func isSame(_ left: String, _ right: String) -> Bool {
        ByteSearch.isSame(left.utf8.span, right.utf8.span)
    }
}
