package import Core
import FoundationEssentials
package import Identity
package import Policies

/// A directory in which bundles are published: `bundle-1.json`, `bundle-2.json`, …, and `latest` with the last number.
///
/// It is for anybody to read, over a shared disk or a plain web server; only the signatures say what is true in it.
package enum BundleDirectory {
    /// Of an envelope: the payload grows by a third in it.
    package static let mostBytes = 48 << 20

    package static func name(_ revision: Int64) -> String { "bundle-\(revision).json" }

    /// The number in a name that `name` wrote.
    package static func revision(_ name: String) -> Int64? {
        guard name.hasPrefix("bundle-"), name.hasSuffix(".json"), let number = Int64(name.dropFirst(7).dropLast(5)),
            (1...PolicyBundle.mostRevision).contains(number), self.name(number) == name
        else { return nil }
        return number
    }

    /// The numbers that are there, in order.
    package static func revisions(in directory: String) throws(PolicyBundle.Fault) -> [Int64] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
            throw PolicyBundle.Fault(.unreadable, "the directory of bundles cannot be read")
        }
        return names.compactMap { revision($0) }.sorted()
    }

    package static func read(_ revision: Int64, in directory: String) throws(PolicyBundle.Fault) -> [UInt8] {
        do throws(FileFault) {
            return try StoredFile.read("\(directory)/\(name(revision))", limit: mostBytes, kind: .plain)
        } catch {
            let code: PolicyBundle.Fault.Code = error == .tooLarge ? .tooLarge : .unreadable
            throw PolicyBundle.Fault(code, "`\(name(revision))` cannot be taken: it \(error.sentence)")
        }
    }
}

/// An envelope of a bundle whose signatures were proven.
package struct SignedBundle: Sendable {
    package let bundle: PolicyBundle
    /// The envelope, as it was read.
    package let bytes: [UInt8]

    /// - Throws: `malformed`, `tooLarge`, or `unsigned` where not all keys of one set have signed.
    package init(parsing bytes: [UInt8], trust: BundleTrust) throws(PolicyBundle.Fault) {
        let payload: [UInt8]
        do throws(DSSEError) {
            let envelope = try DSSEEnvelope(parsing: bytes, limit: BundleDirectory.mostBytes)
            payload = try trust.verify(envelope, type: PolicyBundle.payloadType)
        } catch {
            let isForm = error.code == .malformed
            throw PolicyBundle.Fault(isForm ? .malformed : .unsigned, error.message)
        }
        bundle = try PolicyBundle(parsing: payload)
        self.bytes = bytes
    }
}

/// Publishes bundles in a directory, each with the next number and signed by every key of the workspace.
package struct BundleWriter: Sendable {
    package struct Deployed: Sendable {
        package let bundle: PolicyBundle
        package let digest: Digest
        /// The file, in the directory as it was named.
        package let path: String
    }

    package let directory: String
    private let signers: [DSSESigner]
    /// Whose bundles this one may follow: those of the key in use, and of the keys before it.
    private let trust: BundleTrust

    /// - Parameters:
    ///   - directory: Made where it is missing, if its parent is there.
    ///   - ring: The keys of purpose `bundle`.
    /// - Throws: `unsigned` where no key follows from them.
    package init(directory: String, ring: KeyRing) throws(PolicyBundle.Fault) {
        self.directory = directory
        do {
            signers = try ring.current.bundleSigners()
            guard let trust = BundleTrust(try ([ring.current] + ring.retired).prefix(64).map(Self.keys)) else {
                throw PolicyBundle.Fault(.unsigned, "there is no key to sign bundles with")
            }
            self.trust = trust
        } catch {
            throw PolicyBundle.Fault(.unsigned, "the key of the workspace cannot sign bundles")
        }
    }

    private static func keys(_ key: WorkspaceKey) throws -> [DSSEKey] { try key.bundleSigners().map(\.key) }

    /// The last bundle in the directory; nil where there is none.
    ///
    /// - Throws: where it is not one of this workspace: then nothing can follow it but over a gap.
    package func newest() throws(PolicyBundle.Fault) -> Deployed? {
        guard let last = try BundleDirectory.revisions(in: directory).last else { return nil }
        let read = try SignedBundle(parsing: try BundleDirectory.read(last, in: directory), trust: trust).bundle
        guard read.revision == last else {
            throw PolicyBundle.Fault(
                .malformed,
                "`\(BundleDirectory.name(last))` holds the bundle \(read.revision)"
            )
        }
        return Deployed(bundle: read, digest: read.digest, path: "\(directory)/\(BundleDirectory.name(last))")
    }

    /// Publishes the next bundle: gateways that look at the directory see all of it or nothing.
    ///
    /// - Parameters:
    ///   - content: A release or a policy, whose form is checked here; its votes are not.
    ///   - mode: Nil is as the release says; `enforce` for a policy.
    ///   - selector: For whom it is.
    ///   - expires: After that a gateway does what its document says about having no bundle.
    ///   - gap: Why gateways may take it without knowing the one before.
    ///   - after: With a gap, a revision that gateways know of and the directory does not.
    ///   - now: When it is issued.
    /// - Returns: The bundle, and where it is.
    /// - Throws: Where the content is wrong, the bundle before is not to be believed, or it cannot be written.
    package func deploy(
        _ content: PolicyBundle.Content,
        mode: PolicyBundle.Mode? = nil,
        selector: PolicyBundle.Selector,
        expires: Timestamp,
        gap: String? = nil,
        after: Int64 = 0,
        now: Timestamp
    ) throws(PolicyBundle.Fault) -> Deployed {
        guard after <= 0 || gap != nil else {
            throw PolicyBundle.Fault(.predecessor, "a revision that is left out is a gap", help: "say why with `--gap`")
        }
        do {
            // Held until the bundle stands: two who publish at once get two numbers.
            let folder = try HeldFolder(directory, mayCreate: true, isLocked: true)
            let before = try last(gap)
            let bundle = try PolicyBundle(
                revision: max(before?.revision ?? 0, min(after, PolicyBundle.mostRevision - 1)) + 1,
                predecessor: before?.digest,
                issued: now,
                expires: expires,
                selector: selector,
                mode: mode ?? Self.mode(of: content),
                content: content,
                gap: gap
            )
            _ = try bundle.opened(at: nil)
            let name = BundleDirectory.name(bundle.revision)
            guard !folder.contains(name) else {
                throw PolicyBundle.Fault(.unwritten, "`\(name)` is there already")
            }
            try folder.write(try sealed(bundle), to: name, mode: 0o644)
            // A hint for who cannot list the directory: that it is old is seen by nobody but does not harm.
            try folder.write(Array("\(bundle.revision)\n".utf8), to: "latest", mode: 0o644)
            return Deployed(bundle: bundle, digest: bundle.digest, path: "\(directory)/\(name)")
        } catch let fault as PolicyBundle.Fault {
            throw fault
        } catch {
            let sentence = (error as? FileFault)?.sentence ?? "cannot be written"
            throw PolicyBundle.Fault(.unwritten, "the directory of bundles cannot be used: it \(sentence)")
        }
    }

    /// What the next one follows.
    private func last(_ gap: String?) throws(PolicyBundle.Fault) -> PolicyBundle.Tip? {
        do throws(PolicyBundle.Fault) {
            return try newest()?.bundle.tip
        } catch {
            guard gap != nil, let last = try BundleDirectory.revisions(in: directory).last else {
                var fault = error
                fault.help = fault.help ?? "say why its chain ends with `--gap REASON`, which gateways are told"
                throw fault
            }
            let bytes = try BundleDirectory.read(last, in: directory)
            return PolicyBundle.Tip(revision: last, digest: .sha256(bytes))
        }
    }

    private func sealed(_ bundle: PolicyBundle) throws(PolicyBundle.Fault) -> [UInt8] {
        do {
            return try DSSEEnvelope(payload: bundle.bytes, type: PolicyBundle.payloadType, signers: signers).bytes
                + [UInt8(ascii: "\n")]
        } catch {
            throw PolicyBundle.Fault(.unsigned, "the bundle could not be signed")
        }
    }

    private static func mode(of content: PolicyBundle.Content) -> PolicyBundle.Mode {
        guard case .release(let text) = content, let release = try? Release(parsing: Array(text.utf8)) else {
            return .enforce
        }
        return release.terms.mode == .enforce ? .enforce : .shadow
    }
}
