import Core
import Identity
import Policies

/// The bundle that a gateway enforces and the end of the chain that it knows, as a file that is replaced as a whole.
///
/// A last line seals it with a key of the gateway, so that after a restart no older bundle is taken for the last one. An
/// older file that was sealed in its time is not told from the last.
struct BundleFile {
    struct Unreadable: Error {
        let message: String
    }

    struct State {
        var tip: PolicyBundle.Tip?
        /// The envelope of the bundle in force.
        var active: [UInt8]?
        /// Whether its time was over once: a clock that is put back does not bring it to life.
        var isOver = false
    }

    let path: String
    let gateway: String
    /// Keys that seal: the one in use, then those before it.
    let keys: [WorkspaceKey]
    /// Whether it is another process that takes bundles, and this one only goes by them.
    var isAnothers = false
    private static let schema = "lockstep.gateway-bundles/1"
    private static let limit = 2 * BundleDirectory.mostBytes

    /// What was saved last; empty where nothing was.
    func load() throws(Unreadable) -> State {
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try StoredFile.read(path, limit: Self.limit, kind: .plain, mayFollowLink: false)
        } catch {
            if error == .missing { return State() }
            throw Unreadable(message: "the bundle in force cannot be read: it \(error.sentence)")
        }
        let changed = Unreadable(message: "the bundle in force is not as this gateway wrote it")
        var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
        let limits = JSON.Limits(maxBytes: Self.limit, maxDepth: 8, maxStringBytes: Self.limit)
        guard lines.count == 3, lines.popLast()?.isEmpty == true,
            let seal = lines.popLast().flatMap({ try? JSON.parse($0) })?["seal"]?.string, let line = lines.popLast(),
            keys.contains(where: { self.seal(line, $0) == seal }),
            let object = (try? JSON.parse(line, limits: limits))?.object, object["schema"]?.string == Self.schema,
            let revision = object["tip"]?["revision"]?.int,
            let digest = object["tip"]?["digest"]?.string.flatMap({ Digest($0) }), let isOver = object["over"]?.bool
        else { throw changed }
        return State(
            tip: PolicyBundle.Tip(revision: revision, digest: digest),
            active: object["active"]?.string.map { Array($0.utf8) },
            isOver: isOver
        )
    }

    func save(_ state: State) -> Bool {
        if isAnothers { return true }
        guard let key = keys.first, let tip = state.tip else { return false }
        var object: JSON.Object = [
            "schema": .string(Self.schema), "over": .bool(state.isOver),
            "tip": ["revision": .integer(tip.revision), "digest": .string(tip.digest.description)],
        ]
        object["active"] = state.active.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null
        let line = JSON.canonical(.object(object))
        let sealed = JSON.canonical(["seal": .string(seal(line, key))])
        do throws(FileFault) {
            try StoredFile.write(line + [0x0A] + sealed + [0x0A], to: path)
            return true
        } catch {
            return false
        }
    }

    /// The id of the gateway is part of it: the bundle of another one is not taken for this one's.
    private func seal(_ bytes: [UInt8], _ key: WorkspaceKey) -> String {
        let name = Array("\(Self.schema):\(gateway.utf8.count):\(gateway):".utf8)
        return Hexadecimal.encode(key.authenticationCode(name + bytes))
    }
}
