import Documents
import Traffic

extension PolicyReading {
    func relation(_ node: Node, of rule: Rule) -> Relation? {
        guard var reader = MappingReader(node, problems, as: "a relation") else { return nil }
        let path = reader.string("argument", isRequired: true, mayBeEmpty: true)
        let equal = reader.string("equals", mayBeEmpty: true)
        let given = reader.string("given", isRequired: equal == nil, mayBeEmpty: true)
        let when = values("is", &reader)
        let values = values("values", &reader)
        let folders = texts("under", &reader)
        reader.finish()
        if rule.isSelecting {
            problems.report(
                "invalid-value",
                "only a rule that allows a tool can compare its arguments",
                at: node.place,
                help: "write it in the rule that allows the tool"
            )
            return nil
        }
        guard let path, let other = equal ?? given else { return nil }
        if equal != nil {
            guard given == nil, when.isEmpty, values.isEmpty, folders.isEmpty else {
                problems.report(
                    "invalid-value",
                    "`equals` says all: nothing can stand beside it but `argument`",
                    at: node.place
                )
                return nil
            }
            return Relation(path: path.value, other: other.value, kind: .equals)
        }
        guard let first = when.first, when.count == 1 else {
            problems.report(
                "invalid-value",
                "`is` must name one value of \(other.value.inMessage)",
                at: other.place,
                help: "write a relation for each value"
            )
            return nil
        }
        return Relation(
            path: path.value,
            other: other.value,
            kind: .given(when: first, values: values, folders: folders)
        )
    }
}

extension Relation {
    /// In words, for differences.
    var phrase: String {
        switch kind {
        case .equals: "\(path) equals \(other)"
        case .given(let when, let values, let folders):
            "\(path) is \((values.map(\.text) + folders.map { "under \($0)" }).joined(separator: " or ")) "
                + "where \(other) is \(when.text)"
        }
    }
}
