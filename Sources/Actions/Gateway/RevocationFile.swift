import Core
package import Gateway
import Glibc
import Identity

/// The list of who is denied, as a file that is replaced as a whole and synced before anybody is told.
///
/// One line an entry, and a last one that seals them with a key of the gateway: an entry that was taken out, lifted by
/// hand or cut off is seen when the gateway starts. An older list that was sealed in its time is not told from the last.
package struct RevocationFile: RevocationStore {
    package struct Unreadable: Error, Sendable {
        package let message: String
        /// Whether the list may be as it was, and only this look at it failed.
        var isPassing = false
    }

    let path: String
    let gateway: String
    /// Keys that seal: the one in use, then those before it.
    let keys: [WorkspaceKey]
    private static let limit = 64 << 20

    package var mark: RevocationMark? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return nil }
        let times = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec]
        let file = [Int64(bitPattern: UInt64(status.st_dev)), Int64(bitPattern: UInt64(status.st_ino))]
        return RevocationMark(file + [Int64(status.st_size)] + times.map { Int64($0) })
    }

    package func load(_ control: ControlKeys) throws -> [Revocations.Entry] {
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try StoredFile.read(path, limit: Self.limit, kind: .plain, mayFollowLink: false)
        } catch {
            throw Unreadable(
                message: error == .missing
                    ? "the list of who is denied is gone from the gateway's folder"
                    : "the list of who is denied cannot be read: it \(error.sentence)",
                isPassing: error != .missing
            )
        }
        let changed = Unreadable(message: "the list of who is denied is not as this gateway wrote it")
        var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        guard lines.popLast()?.isEmpty == true, let last = lines.popLast(),
            let seal = try? JSON.parse(Array(last)), let written = seal["seal"]?.string,
            seal["count"]?.int.map({ Int($0) }) == lines.count
        else { throw changed }
        let sealed = Array(bytes.dropLast(last.count + 1))
        guard keys.contains(where: { self.seal(sealed, $0) == written }) else { throw changed }
        var entries: [Revocations.Entry] = []
        for line in lines {
            guard let entry = (try? JSON.parse(Array(line))).flatMap({ Revocations.Entry($0) }) else { throw changed }
            if let fault = entry.fault(after: entries.count, gateway: gateway, control: control) {
                throw Unreadable(message: "the list of who is denied is not to be believed: \(fault)")
            }
            entries.append(entry)
        }
        return entries
    }

    /// Several processes share the folder, and each holds its lock while it reads, merges and writes.
    package func update(
        _ control: ControlKeys,
        _ change: ([Revocations.Entry]?) -> [Revocations.Entry]?
    ) -> RevocationMark? {
        guard let key = keys.first, let name = path.split(separator: "/").last.map(String.init),
            let folder = try? HeldFolder(String(path.dropLast(name.utf8.count + 1)), isLocked: true)
        else { return nil }
        let written: [Revocations.Entry]?
        do {
            written = try load(control)
        } catch {
            // What other processes wrote is not replaced because a file could not be opened just now.
            guard let fault = error as? Unreadable, !fault.isPassing else { return nil }
            written = nil
        }
        guard let entries = change(written) else { return nil }
        var bytes: [UInt8] = []
        for entry in entries { bytes += JSON.canonical(entry.json) + [0x0A] }
        let seal: JSON.Value = ["count": .integer(Int64(entries.count)), "seal": .string(seal(bytes, key))]
        bytes += JSON.canonical(seal) + [0x0A]
        do throws(FileFault) {
            try folder.write(bytes, to: name)
        } catch {
            return nil
        }
        return mark ?? RevocationMark([])
    }

    /// The id of the gateway is part of it: the list of another one is not taken for this one's.
    private func seal(_ bytes: [UInt8], _ key: WorkspaceKey) -> String {
        let name = Array("lockstep.revocations/1:\(gateway.utf8.count):\(gateway):".utf8)
        return Hexadecimal.encode(key.authenticationCode(name + bytes))
    }
}
