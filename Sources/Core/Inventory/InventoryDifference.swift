/// What became different between two states of the inventory.
package struct InventoryDifference: Sendable, Hashable {
    package struct Change: Sendable, Hashable {
        package var server: ServerID
        /// What of it: `definition tool/lookup`, `authentication`, `transport security`, `revisions`, `owner`.
        package var aspect: String
        package var before: String
        package var after: String
    }

    package var added: [ServerID]
    package var removed: [ServerID]
    package var changed: [Change]

    /// How many servers are new, or different in what they are: who answers for them and whether they answered is no news.
    package var news: Int {
        let decided: Set<String> = ["owner", "criticality", "last look"]
        return added.count + Set(changed.filter { !decided.contains($0.aspect) }.map(\.server)).count
    }

    package var isEmpty: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty }

    package init(from before: [InventoryServer], to after: [InventoryServer]) {
        let old = Dictionary(before.map { ($0.canonicalKey, $0) }) { first, _ in first }
        let new = Dictionary(after.map { ($0.canonicalKey, $0) }) { first, _ in first }
        added = after.filter { old[$0.canonicalKey] == nil }.map(\.id).sorted()
        removed = before.filter { new[$0.canonicalKey] == nil }.map(\.id).sorted()
        changed = []
        for server in after.sorted(by: { $0.id < $1.id }) {
            guard let previous = old[server.canonicalKey] else { continue }
            changed += Self.changes(from: previous, to: server)
        }
    }

    private static func changes(from before: InventoryServer, to after: InventoryServer) -> [Change] {
        var changes: [Change] = []
        func compare(_ aspect: String, _ old: String, _ new: String) {
            if old != new { changes.append(Change(server: after.id, aspect: aspect, before: old, after: new)) }
        }
        compare("owner", before.owner ?? "none", after.owner ?? "none")
        compare("criticality", before.criticality?.rawValue ?? "none", after.criticality?.rawValue ?? "none")
        compare("transport", before.transport.rawValue, after.transport.rawValue)
        func reach(_ server: InventoryServer) -> String { server.unreached == nil ? "answered" : "no answer" }
        compare("last look", reach(before), reach(after))
        // A server that did not answer this time has not changed its tools.
        guard let old = before.description, let new = after.description else { return changes }
        compare("authentication", old.authentication.word, new.authentication.word)
        compare("transport security", old.security.version, new.security.version)
        compare("revisions", old.revisions.joined(separator: " "), new.revisions.joined(separator: " "))
        compare("version", old.version, new.version)
        compare("instructions", old.instructions ?? "", new.instructions ?? "")
        func byName(_ list: [Definition]) -> [String: Definition] {
            Dictionary(list.map { ("\($0.kind.rawValue)/\($0.name)", $0) }) { first, _ in first }
        }
        let (left, right) = (byName(old.definitions), byName(new.definitions))
        let areComparable = old.areToolsKnown && new.areToolsKnown
        func words(_ isKnown: Bool) -> String { isKnown ? "readable" : "not readable" }
        compare("tools", words(old.areToolsKnown), words(new.areToolsKnown))
        for name in Set(left.keys).union(right.keys).sorted() {
            // Tools that could not be read have not gone away.
            if !areComparable, (left[name] ?? right[name])?.kind == .tool { continue }
            compare(
                "definition \(name)",
                left[name]?.digest.description ?? "absent",
                right[name]?.digest.description ?? "absent"
            )
        }
        return changes
    }

    package var json: JSON.Value {
        [
            "added": .array(added.map { .string($0.text) }), "removed": .array(removed.map { .string($0.text) }),
            "changed": .array(
                changed.map { change in
                    [
                        "server": .string(change.server.text), "aspect": .string(change.aspect),
                        "before": .string(change.before), "after": .string(change.after),
                    ]
                }
            ),
        ]
    }
}
