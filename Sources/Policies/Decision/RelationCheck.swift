import Traffic

extension Relation {
    /// Whether a call keeps to it.
    ///
    /// A list where one value was always sent, or none, leaves open which value the server will take, and so breaks it.
    func holds(_ call: ObservedCall) -> Bool {
        let bound = sent(path, call)
        let others = sent(other, call)
        if bound.isEmpty, others.isEmpty { return true }
        // What the user's own request names is the user's choice.
        if !bound.isEmpty, bound.allSatisfy({ $0.provenance.prompt == .exact }) { return true }
        switch kind {
        case .equals:
            return bound.count == 1 && others.count == 1 && bound[0].value.text == others[0].value.text
        case .given(let when, let values, let folders):
            guard others.count == 1 else { return false }
            guard others[0].value.text == when.text else { return true }
            return bound.count == 1
                && bound.allSatisfy { leaf in
                    values.contains { $0.text == leaf.value.text }
                        || folders.contains { Self.isUnder($0, leaf.value.text) }
                }
        }
    }

    private func sent(_ path: String, _ call: ObservedCall) -> [ObservedLeaf] {
        call.leaves.filter { $0.path == path && $0.value.valueClass != .empty }
    }

    private static func isUnder(_ folder: String, _ text: String) -> Bool {
        let spelling = PathSpelling(text)
        guard !spelling.mayClimb, !spelling.hasControls, text.utf8.starts(with: folder.utf8) else { return false }
        return text.utf8.count == folder.utf8.count
            || text.utf8.dropFirst(folder.utf8.count).first == UInt8(ascii: "/")
    }
}
