import Core
package import Gateway
import Identity

/// The list of who is denied, as a file that is replaced as a whole and synced before anybody is told.
///
/// One line an entry, and a last one that seals them with a key of the gateway: an entry that was taken out, lifted by
/// hand or cut off is seen when the gateway starts. An older list that was sealed in its time is not told from the last.
package struct RevocationFile: RevocationStore {
    package struct Unreadable: Error, Sendable {
        package let message: String
    }

    let path: String
    let gateway: String
    /// Keys that seal: the one in use, then those before it.
    let keys: [WorkspaceKey]
    let control: ControlKeys
    private static let limit = 64 << 20

    package func load() throws -> [Revocations.Entry] {
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try StoredFile.read(path, limit: Self.limit, kind: .plain, mayFollowLink: false)
        } catch {
            throw Unreadable(
                message: error == .missing
                    ? "the list of who is denied is gone from the gateway's folder"
                    : "the list of who is denied cannot be read: it \(error.sentence)"
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

    /// Several processes share the folder of wrapped programs: what another one wrote meanwhile is kept.
    package func save(_ entries: [Revocations.Entry]) -> Bool {
        guard let key = keys.first, let name = path.split(separator: "/").last.map(String.init),
            let folder = try? HeldFolder(String(path.dropLast(name.utf8.count + 1)), isLocked: true)
        else { return false }
        let entries = merged(entries, into: (try? load()) ?? [])
        var bytes: [UInt8] = []
        for entry in entries { bytes += JSON.canonical(entry.json) + [0x0A] }
        let seal: JSON.Value = ["count": .integer(Int64(entries.count)), "seal": .string(seal(bytes, key))]
        bytes += JSON.canonical(seal) + [0x0A]
        do throws(FileFault) {
            try folder.write(bytes, to: name)
            return true
        } catch {
            return false
        }
    }

    /// Both lists in one, in which nobody is missing whom either denies; a list that only grew is as it was.
    private func merged(
        _ entries: [Revocations.Entry],
        into written: [Revocations.Entry]
    ) -> [Revocations.Entry] {
        let common = zip(written, entries).prefix { $0.digest == $1.digest }.count
        var all = entries.prefix(common).enumerated().map { at, entry in
            var entry = entry
            entry.lifted = entry.lifted ?? written[at].lifted
            return entry
        }
        all += written.dropFirst(common)
        for entry in entries.dropFirst(common) { all.append(entry.numbered(all.count + 1)) }
        return all
    }

    /// The id of the gateway is part of it: the list of another one is not taken for this one's.
    private func seal(_ bytes: [UInt8], _ key: WorkspaceKey) -> String {
        let name = Array("lockstep.revocations/1:\(gateway.utf8.count):\(gateway):".utf8)
        return Hexadecimal.encode(key.authenticationCode(name + bytes))
    }
}
