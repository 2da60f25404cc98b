package import Core

/// The secret keys of a workspace: a folder of mode 0700 with one file of mode 0600 a purpose.
///
/// Files are replaced whole and durably; changes of several processes wait for one another. A file or folder that
/// others may read is refused, since its keys may be known already.
package struct KeyStore: Sendable {
    package let directory: String

    private static let limit = 1 << 20
    /// Rotation keeps this many old keys at most; what an older one made can no longer be recognised.
    package static let maximumRetired = 1000

    package init(directory: String) {
        self.directory = directory
    }

    /// The keys of a purpose.
    package func load(_ purpose: KeyPurpose) throws(KeyStoreError) -> KeyRing {
        let path = path(of: purpose)
        do throws(FileFault) {
            _ = try HeldFolder(directory, isPrivate: true)
        } catch {
            throw error == .missing ? Self.missing(purpose) : Self.error(directory, error)
        }
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try StoredFile.read(path, limit: Self.limit, kind: .secret, mayFollowLink: false)
        } catch {
            throw error == .missing ? Self.missing(purpose) : Self.error(path, error)
        }
        guard let json = try? JSON.parse(bytes), let ring = KeyRing(json: json, purpose: purpose) else {
            throw KeyStoreError(
                .damaged,
                "the key file `\(path)` is damaged",
                help: "bring it back from a backup; a new key cannot recognise what the old one made"
            )
        }
        return ring
    }

    /// The keys of all purposes that have some, in the order of their names.
    package func list() throws(KeyStoreError) -> [KeyRing] {
        var rings: [KeyRing] = []
        for purpose in KeyPurpose.allCases.sorted(by: { $0.rawValue < $1.rawValue }) {
            do throws(KeyStoreError) {
                rings.append(try load(purpose))
            } catch {
                guard error.code == .missing else { throw error }
            }
        }
        return rings
    }

    /// Makes the first key of a purpose; an existing one is never replaced.
    ///
    /// `prepare` is given the key before it is written, while no other process can make one: what must hold as soon as
    /// there is a key is done there.
    package func create(
        _ purpose: KeyPurpose,
        now: Timestamp,
        lifetime: Duration? = nil,
        using random: inout some RandomNumberGenerator,
        preparing prepare: (KeyRing) throws(KeyStoreError) -> Void = { _ in }
    ) throws(KeyStoreError) -> KeyRing {
        let folder = try lockedFolder()
        guard !folder.contains(Self.name(of: purpose)) else {
            throw KeyStoreError(
                .exists,
                "there is a `\(purpose.rawValue)` key already",
                help: "replace it with `lockstep key rotate \(purpose.rawValue)`"
            )
        }
        let key = try Self.makeKey(purpose, now: now, lifetime: lifetime, avoiding: [], using: &random)
        let ring = KeyRing(purpose: purpose, current: key, retired: [])
        try prepare(ring)
        try write(ring, to: folder)
        return ring
    }

    /// The keys of a purpose, with a first one made where there is none.
    package func loadOrCreate(
        _ purpose: KeyPurpose,
        now: Timestamp,
        lifetime: Duration? = nil,
        using random: inout some RandomNumberGenerator
    ) throws(KeyStoreError) -> KeyRing {
        do throws(KeyStoreError) {
            return try load(purpose)
        } catch {
            guard error.code == .missing else { throw error }
        }
        do throws(KeyStoreError) {
            return try create(purpose, now: now, lifetime: lifetime, using: &random)
        } catch {
            // Another process was quicker; its key is as good.
            guard error.code == .exists else { throw error }
            return try load(purpose)
        }
    }

    /// Puts a new key into use and keeps the old one to recognise what it made.
    ///
    /// Without a lifetime the new key lives as long as the old one was meant to.
    package func rotate(
        _ purpose: KeyPurpose,
        now: Timestamp,
        lifetime: Duration? = nil,
        using random: inout some RandomNumberGenerator
    ) throws(KeyStoreError) -> KeyRing {
        let folder = try lockedFolder()
        let old = try load(purpose)
        guard old.retired.count < Self.maximumRetired else {
            throw KeyStoreError(.full, "the `\(purpose.rawValue)` key was rotated \(Self.maximumRetired) times already")
        }
        let known = [old.current.id] + old.retired.map(\.id)
        let planned = old.current.expires.map { $0 - old.current.created }
        let key = try Self.makeKey(
            purpose,
            now: now,
            lifetime: lifetime ?? planned,
            avoiding: known,
            using: &random
        )
        let retired = WorkspaceKey(
            id: old.current.id,
            algorithm: old.current.algorithm,
            created: old.current.created,
            expires: old.current.expires,
            retired: Self.stored(now),
            secret: old.current.secret
        )
        let ring = KeyRing(purpose: purpose, current: key, retired: [retired] + old.retired)
        try write(ring, to: folder)
        return ring
    }

    private func lockedFolder() throws(KeyStoreError) -> HeldFolder {
        do throws(FileFault) {
            return try HeldFolder(directory, mayCreate: true, isPrivate: true, isLocked: true)
        } catch {
            throw Self.error(directory, error)
        }
    }

    private func write(_ ring: KeyRing, to folder: borrowing HeldFolder) throws(KeyStoreError) {
        do throws(FileFault) {
            try folder.write(JSON.canonical(ring.json), to: Self.name(of: ring.purpose))
        } catch {
            throw Self.error(path(of: ring.purpose), error)
        }
    }

    private static func makeKey(
        _ purpose: KeyPurpose,
        now: Timestamp,
        lifetime: Duration?,
        avoiding known: [String],
        using random: inout some RandomNumberGenerator
    ) throws(KeyStoreError) -> WorkspaceKey {
        let algorithm = purpose.algorithm
        let secret = (0..<algorithm.keyBytes).map { _ in UInt8.random(in: 0...255, using: &random) }
        var id = ""
        repeat {
            id = Hexadecimal.encode((0..<4).map { _ in UInt8.random(in: 0...255, using: &random) })
        } while known.contains(id)
        return WorkspaceKey(
            id: id,
            algorithm: algorithm,
            created: stored(now),
            expires: lifetime.map { stored(now + $0) },
            retired: nil,
            secret: Redacted(secret)
        )
    }

    /// A time as the file can hold it, so that what is returned equals what is read back.
    private static func stored(_ time: Timestamp) -> Timestamp {
        Timestamp(rfc3339: time.description) ?? time
    }

    private static func name(of purpose: KeyPurpose) -> String { purpose.rawValue + ".json" }
    private func path(of purpose: KeyPurpose) -> String { directory + "/" + Self.name(of: purpose) }

    private static func missing(_ purpose: KeyPurpose) -> KeyStoreError {
        KeyStoreError(.missing, "there is no `\(purpose.rawValue)` key")
    }

    private static func error(_ path: String, _ fault: FileFault) -> KeyStoreError {
        let code: KeyStoreError.Code
        var help: String?
        switch fault {
        case .exposed:
            code = .exposed
            help = "take the rights away with `chmod go= \(path)`; if others could read it, rotate the keys"
        case .missing: code = .missing
        case .exists: code = .exists
        case .notAFile, .tooLarge: code = .damaged
        case .failed: code = .unusable
        }
        return KeyStoreError(code, "`\(path)` \(fault.sentence)", help: help)
    }
}

/// Why the key store could not be used.
package struct KeyStoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The closed set of reasons; the raw value is printed and never reworded.
    package enum Code: String, Sendable, CaseIterable {
        case missing = "key.missing"
        case exists = "key.exists"
        case exposed = "key.exposed"
        case damaged = "key.damaged"
        case full = "key.full"
        case unusable = "key.unusable"
    }

    package let code: Code
    package let message: String
    package let help: String?

    package init(_ code: Code, _ message: String, help: String? = nil) {
        self.code = code
        self.message = message
        self.help = help
    }

    package var description: String { "\(message) [\(code.rawValue)]" }
}
