import Traffic

extension Relation {
    /// Whether a call keeps to it.
    func holds(_ call: ObservedCall) -> Bool {
        let others = call.leaves.filter { $0.path == other && $0.value.valueClass != .empty }
        if others.isEmpty { return true }
        return call.leaves.allSatisfy { leaf in
            if leaf.path != path || leaf.value.valueClass == .empty || leaf.provenance.prompt == .exact { return true }
            switch kind {
            case .equals: return others.contains { $0.value.text == leaf.value.text }
            case .given(let when, let values, let folders):
                // Of several values one that binds is enough: the call may mean that one.
                guard others.contains(where: { $0.value.text == when.text }) else { return true }
                return values.contains { $0.text == leaf.value.text }
                    || folders.contains { Self.isUnder($0, leaf.value.text) }
            }
        }
    }

    private static func isUnder(_ folder: String, _ text: String) -> Bool {
        let spelling = PathSpelling(text)
        guard !spelling.mayClimb, !spelling.hasControls, text.utf8.starts(with: folder.utf8) else { return false }
        return text.utf8.count == folder.utf8.count
            || text.utf8.dropFirst(folder.utf8.count).first == UInt8(ascii: "/")
    }
}
