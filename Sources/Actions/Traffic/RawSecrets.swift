package import Core
import Identity
import Inspection
import Synchronization
import Wire
import Workspace

/// Replaces the secrets of recordings that were never imported, as an import would have replaced them.
///
/// Most texts hold none, so each is first looked at for signs of one; and one text answers many calls, so what a long one
/// is replaced by is found once.
package struct RawSecrets: Sendable {
    private let tokeniser: Tokeniser
    private let signs: SecretSigns
    private var known = SessionSecrets()
    /// By their places below: names without a sign, which mostly come again in the next record.
    private var last = InlineArray<10, String>(repeating: "")

    package init(digest: @escaping @Sendable (String) -> String) {
        let signs = SecretSigns(.secrets(digest: digest))
        self.signs = signs
        tokeniser = Tokeniser(token: digest) { signs.replaced($0, named: $1) }
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

    /// Calls of one session are to come in their order: what an earlier one has shown is replaced in a later one.
    package mutating func replace(in record: inout CallRecord) {
        if mayHold(record) || known.mayHold(record) { tokeniser.apply(to: &record, &known) }
    }

    /// Asks whatever `Tokeniser.apply` changes.
    private mutating func mayHold(_ record: CallRecord) -> Bool {
        if signs.mayHold(record.arguments) { return true }
        if let result = record.result {
            if let text = result.text, signs.mayHold(text) { return true }
            if let structured = result.structured, signs.mayHold(structured, nil) { return true }
        }
        // An address with a user has no scheme by which it could be told.
        if let address = record.peerAddress, address.utf8.contains(UInt8(ascii: "@")) || signs.mayHold(address) {
            return true
        }
        if !record.provenance.isEmpty, record.provenance.keys.contains(where: { signs.mayHold($0) }) { return true }
        if record.delegation.contains(where: { signs.mayHold($0) }) { return true }
        if let id = record.id, signs.mayHold(id) { return true }
        return mayHold(record.session, 0) || mayHold(record.principal.id, 1) || mayHold(record.server, 2)
            || mayHold(record.tool, 3) || mayHold(record.task?.text, 4) || mayHold(record.task?.id, 5)
            || mayHold(record.clientName, 6) || mayHold(record.clientVersion, 7) || mayHold(record.definition, 8)
            || mayHold(record.source?.file, 9)
    }

    private mutating func mayHold(_ name: String?, _ place: Int) -> Bool {
        guard let name, !ByteSearch.isSame(last[place].utf8.span, name.utf8.span) else { return false }
        if signs.mayHold(name) { return true }
        last[place] = name
        return false
    }
}

/// What is known of texts and names that were seen before.
private final class SecretSigns: Sendable {
    // By hashes of their bytes under a key of this process, since `String` also equates different spellings of one letter.
    private struct Known {
        /// What members are called, and whether that alone makes their values secrets.
        var names: [Int: Bool] = [:]
        /// Long texts without a sign.
        var plain: Set<Int> = []
        /// By texts with a sign: what takes their place, nil where they hold no secret after all.
        var replaced: [Int: Tokeniser.Replacement?] = [:]
        var bytes = 0
    }

    private let tokeniser: Tokeniser
    private let known = Mutex(Known())

    private static let mostKept = 1 << 16
    private static let mostBytes = 8 << 20
    /// Shorter ones are read as quickly as they are found.
    private static let longText = 64

    init(_ tokeniser: Tokeniser) { self.tokeniser = tokeniser }

    func mayHold(_ text: String) -> Bool {
        let bytes = text.utf8.span
        guard bytes.count >= Self.longText else { return Credentials.mayHoldSecret(bytes) }
        let hash = Self.hash(text)
        return known.withLock { known in
            if known.plain.contains(hash) { return false }
            if known.replaced[hash] != nil || Credentials.mayHoldSecret(text.utf8.span) { return true }
            if known.plain.count >= Self.mostKept { known.plain.removeAll(keepingCapacity: true) }
            known.plain.insert(hash)
            return false
        }
    }

    func mayHold(_ object: JSON.Object) -> Bool {
        for (name, value) in object where mayHold(name) || mayHold(value, name) { return true }
        return false
    }

    func mayHold(_ value: JSON.Value, _ name: String?) -> Bool {
        switch value {
        case .string(let text): mayHold(text) || name.map { isSecret($0) } ?? false
        case .integer, .number: name.map { isSecret($0) } ?? false
        case .array(let elements): elements.contains { mayHold($0, name) }
        case .object(let object): mayHold(object)
        case .null, .bool: false
        }
    }

    private func isSecret(_ name: String) -> Bool {
        let hash = Self.hash(name)
        return known.withLock { known in
            if let isSecret = known.names[hash] { return isSecret }
            let isSecret = Credentials.mayNameSecret(name)
            if known.names.count >= Self.mostKept { known.names.removeAll(keepingCapacity: true) }
            known.names[hash] = isSecret
            return isSecret
        }
    }

    /// As the tokeniser says, which is asked once of a text that stands under no name that matters.
    func replaced(_ text: String, named name: String?) -> Tokeniser.Replacement? {
        if let name, isSecret(name) { return tokeniser.replace(text, name) }
        guard mayHold(text) else { return nil }
        let hash = Self.hash(text)
        if let replaced = known.withLock({ $0.replaced[hash] }) { return replaced }
        let replaced = tokeniser.replace(text, nil)
        let size = 64 + (replaced.map { $0.text.utf8.count + $0.secrets.count * 32 } ?? 0)
        known.withLock { known in
            if known.bytes + size > Self.mostBytes {
                known.replaced.removeAll(keepingCapacity: true)
                known.bytes = 0
            }
            known.replaced[hash] = .some(replaced)
            known.bytes += size
        }
        return replaced
    }

    private static func hash(_ text: String) -> Int {
        var hasher = Hasher()
        unsafe text.utf8.span.bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return hasher.finalize()
    }
}
