package import Core
package import Gateway
package import Identity

/// Publishes who is denied into a folder from which gateways pull.
///
/// The folder may be written by several at once, each holding its lock: what renews the list, and commands that kill.
package struct RevocationPublisher: Sendable {
    package struct Failure: Error, Sendable {
        package let message: String
    }

    package let folder: String
    private let signer: DSSESigner

    package init(_ folder: String, signer: DSSESigner) {
        self.folder = folder
        self.signer = signer
    }

    private var path: String { folder + "/" + RevocationList.fileName }

    /// Writes the list anew, with a higher number, after `change`.
    ///
    /// A list that is there and was signed by another key is left as it is: it may deny somebody whom this one does not.
    @discardableResult
    package func publish(
        at now: Timestamp,
        _ change: (inout [RevocationProof]) -> Void = { _ in }
    ) throws(Failure) -> RevocationList {
        let held: HeldFolder
        do throws(FileFault) {
            held = try HeldFolder(folder, mayCreate: true, isLocked: true)
        } catch {
            throw Failure(message: "`\(folder)` cannot be written to: it \(error.sentence)")
        }
        // A number follows the clock, so that a list that was lost is not taken for an old one when it is begun anew.
        var list = RevocationList(number: now.microseconds / 1_000, time: now)
        if let last = try last() {
            list.kills = last.kills
            list.number = max(list.number, last.number + 1)
        }
        change(&list.kills)
        guard let envelope = try? list.envelope(signer: signer) else {
            throw Failure(message: "the list cannot be signed")
        }
        do throws(FileFault) {
            try held.write(envelope.bytes, to: RevocationList.fileName, mode: 0o644)
        } catch {
            throw Failure(message: "`\(path)` cannot be written: it \(error.sentence)")
        }
        return list
    }

    private func last() throws(Failure) -> RevocationList? {
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try StoredFile.read(path, limit: RevocationList.mostBytes, kind: .plain)
        } catch {
            if error == .missing { return nil }
            throw Failure(message: "`\(path)` cannot be read: it \(error.sentence)")
        }
        switch RevocationList.read(bytes, by: [signer.key]) {
        case .success(let list): return list
        case .failure(let fault):
            throw Failure(message: "`\(path)` was not written by this workspace: \(fault.message)")
        }
    }
}
