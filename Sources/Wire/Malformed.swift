package import Core

/// Why a message of a peer was refused: which member of it is wrong, and how.
///
/// A peer's own text never enters the description, so that it can be shown to people as it is.
package struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: Sendable, Hashable {
        case json(JSON.ScanError)
        case missing
        /// The kind that was expected, in the words of JSON Schema.
        case kind(expected: String)
        /// The member is of the right kind, but its value is not one of the permitted ones.
        case value
        /// Two members that exclude each other.
        case contradiction
        case limit(Int)
    }

    package var code: Code
    /// The path of the member, such as `params.cursor`; empty for the message itself.
    package var member: String

    package init(_ code: Code, at member: String) {
        self.code = code
        self.member = member
    }

    package var description: String {
        let subject = member.isEmpty ? "the message" : "`\(member)`"
        return switch code {
        case .json(let error): "the message is not acceptable json: \(error)"
        case .missing: "\(subject) is missing"
        case .kind(let expected): "\(subject) is not of the kind `\(expected)`"
        case .value: "\(subject) has a value that is not permitted"
        case .contradiction: "\(subject) excludes another member that is present"
        case .limit(let limit): "\(subject) has more than \(limit) entries"
        }
    }
}

/// Typed reading of an object's members. A member that is `null` counts as absent where it is optional, because servers
/// in the field write it so.
extension JSON.Object {
    func text(_ key: String) throws(Malformed) -> String {
        guard let value = self[key] else { throw Malformed(.missing, at: key) }
        guard let text = value.string else { throw Malformed(.kind(expected: "string"), at: key) }
        return text
    }

    func textIfPresent(_ key: String) throws(Malformed) -> String? {
        guard let value = present(key) else { return nil }
        guard let text = value.string else { throw Malformed(.kind(expected: "string"), at: key) }
        return text
    }

    func flagIfPresent(_ key: String) throws(Malformed) -> Bool? {
        guard let value = present(key) else { return nil }
        guard let flag = value.bool else { throw Malformed(.kind(expected: "boolean"), at: key) }
        return flag
    }

    func nested(_ key: String) throws(Malformed) -> JSON.Object {
        guard let value = self[key] else { throw Malformed(.missing, at: key) }
        guard let object = value.object else { throw Malformed(.kind(expected: "object"), at: key) }
        return object
    }

    func nestedIfPresent(_ key: String) throws(Malformed) -> JSON.Object? {
        guard let value = present(key) else { return nil }
        guard let object = value.object else { throw Malformed(.kind(expected: "object"), at: key) }
        return object
    }

    func list(_ key: String) throws(Malformed) -> [JSON.Value] {
        guard let value = self[key] else { throw Malformed(.missing, at: key) }
        guard let array = value.array else { throw Malformed(.kind(expected: "array"), at: key) }
        return array
    }

    /// The strings of a list; empty where the member is absent.
    func texts(_ key: String, limit: Int = 256) throws(Malformed) -> [String] {
        guard let value = present(key) else { return [] }
        guard let array = value.array else { throw Malformed(.kind(expected: "array"), at: key) }
        guard array.count <= limit else { throw Malformed(.limit(limit), at: key) }
        var texts: [String] = []
        for element in array {
            guard let text = element.string else { throw Malformed(.kind(expected: "string"), at: key) }
            texts.append(text)
        }
        return texts
    }

    private func present(_ key: String) -> JSON.Value? {
        // `nil` in an expression of type `JSON.Value` is the literal null, hence the guard.
        guard let value = self[key], !value.isNull else { return nil }
        return value
    }
}
