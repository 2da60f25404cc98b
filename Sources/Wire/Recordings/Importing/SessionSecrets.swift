package import Core

/// Which secrets each session has shown, so that the same value has the same token where nothing else tells that it is one.
///
/// A code is one by the words around it: `your code is 482913` in a result says so, and `{"code": "482913"}` in the call
/// after it does not. Only hashes are kept, under a key of this process, and of so many secrets only the latest; one that is
/// forgotten stays as it was written.
package struct SessionSecrets: Sendable {
    /// The younger half is what was seen since the older one was full.
    private struct Half {
        var secrets: Set<Int> = []
        var sessions: Set<Int> = []
    }

    private var younger = Half()
    private var older = Half()
    /// Secrets in each half, of all sessions together.
    private let most: Int

    /// Longer values are texts.
    private static let longest = 1024

    package init(most: Int = 1 << 17) { self.most = most }

    var count: Int { younger.secrets.count + older.secrets.count }

    /// What a session is called here: two principals may use one name.
    package struct Session: Sendable {
        fileprivate let hash: Int

        package init(_ call: CallRecord) {
            var hasher = Hasher()
            Self.combine(call.principal.id[...], &hasher)
            Self.combine(call.session[...], &hasher)
            hash = hasher.finalize()
        }

        fileprivate func hash(_ secret: Substring) -> Int {
            var hasher = Hasher()
            hasher.combine(hash)
            Self.combine(secret, &hasher)
            return hasher.finalize()
        }

        /// By its bytes, since `String` also equates different spellings of one letter.
        private static func combine(_ text: Substring, _ hasher: inout Hasher) {
            hasher.combine(text.utf8.count)
            unsafe text.utf8.span.bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        }
    }

    /// Whether a secret of the session is known, of which a call may hold more than shows.
    package func knows(_ session: Session) -> Bool {
        younger.sessions.contains(session.hash) || older.sessions.contains(session.hash)
    }

    /// Whether a session that this call is of has shown a secret.
    package func mayHold(_ call: CallRecord) -> Bool {
        younger.sessions.isEmpty && older.sessions.isEmpty ? false : knows(Session(call))
    }

    mutating func insert(_ secret: String, of session: Session) {
        guard let bare = Self.bare(secret), Self.isTelling(bare) else { return }
        insert(session.hash(bare), session)
    }

    /// The secret that this text is, without the spaces around it; nil where it is none that the session has shown.
    mutating func secret(in text: String, of session: Session) -> Substring? {
        guard let bare = Self.bare(text) else { return nil }
        let hash = session.hash(bare)
        if younger.secrets.contains(hash) { return bare }
        guard older.secrets.contains(hash) else { return nil }
        // What is still in use stays.
        insert(hash, session)
        return bare
    }

    private mutating func insert(_ hash: Int, _ session: Session) {
        if younger.secrets.count >= most {
            older = younger
            younger = Half()
        }
        younger.secrets.insert(hash)
        younger.sessions.insert(session.hash)
    }

    /// No word and no small number: those are also said of other things.
    private static func isTelling(_ secret: Substring) -> Bool {
        secret.utf8.count >= 4 && secret.utf8.contains { $0 &- 0x30 < 10 || "!#$%^&*+=~".utf8.contains($0) }
    }

    private static func bare(_ text: String) -> Substring? {
        guard !text.isEmpty, text.utf8.count <= longest else { return nil }
        var bare = text[...].utf8
        while let first = bare.first, isSpace(first) { bare.removeFirst() }
        while let last = bare.last, isSpace(last) { bare.removeLast() }
        return bare.isEmpty ? nil : Substring(bare)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 9 < 5 }
}
