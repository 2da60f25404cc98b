package import Core
package import Identity

/// A change of the recordings that was decided, `change.json`: what comes, what goes, and the journal's line about it.
///
/// It carries a code of the `recording` key over all of it, and names the line of the journal that it follows: a change that
/// somebody wrote, or an old one that was put back, is refused before anything of it is done.
package struct RecordingChange: Sendable, Hashable {
    var bring: [String]
    var drop: [String]
    /// The line for the journal, which lists the shards as well.
    var entry: JSON.Value
    /// The seal of the line that was the journal's last; empty where it had none.
    var after: String

    package init(bring: [RecordingFolder.Brought], drop: [String], entry: JSON.Value, after: String) {
        self.bring = bring.map(\.name)
        self.drop = drop
        self.after = after
        var line = entry.object ?? [:]
        line["shards"] = .array(bring.map(\.json))
        line["gone"] = .array(drop.map { .string($0) })
        self.entry = .object(line)
    }

    private static let schema = "lockstep.recordings-change/2"

    private var json: JSON.Object {
        [
            "schema": .string(Self.schema), "drop": .array(drop.map { .string($0) }),
            "bring": .array(bring.map { .string($0) }), "entry": entry, "after": .string(after),
        ]
    }

    package func sealed(_ key: WorkspaceKey) -> [UInt8] {
        var sealed = json
        sealed["key"] = .string(key.id)
        sealed["seal"] = .string(Self.code(json, key))
        return JSON.canonical(.object(sealed))
    }

    /// Reads what `sealed` wrote with one of these keys; nil for everything else.
    init?(sealed bytes: [UInt8], _ ring: KeyRing) {
        guard let file = try? JSON.parse(bytes), file["schema"]?.string == Self.schema,
            let key = file["key"]?.string.flatMap({ ring.key(id: $0) }),
            let drop = file["drop"]?.array, let bring = file["bring"]?.array, let after = file["after"]?.string,
            let entry = file["entry"], entry.object != nil, entry["id"]?.string != nil
        else { return nil }
        self.drop = drop.compactMap(\.string)
        self.bring = bring.compactMap(\.string)
        self.entry = entry
        self.after = after
        guard (self.drop + self.bring).allSatisfy(RecordingFolder.isShardName),
            file["seal"]?.string == Self.code(json, key)
        else { return nil }
    }

    private static func code(_ json: JSON.Object, _ key: WorkspaceKey) -> String {
        Hexadecimal.encode(key.authenticationCode(Array("\(schema)\n".utf8) + JSON.canonical(.object(json))))
    }
}
