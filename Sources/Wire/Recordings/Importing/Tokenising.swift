package import Core

extension Tokeniser {
    /// Replaces secrets in every text of the record; returns in how many texts it did.
    @discardableResult package func apply(to call: inout CallRecord) -> Int {
        var count = 0
        call.arguments = object(call.arguments, &count)
        if var result = call.result {
            if let text = result.text { result.text = self.text(text, nil, &count) }
            if let structured = result.structured { result.structured = value(structured, nil, &count) }
            call.result = result
        }
        if var task = call.task {
            if let text = task.text { task.text = self.text(text, nil, &count) }
            if let id = task.id { task.id = self.text(id, nil, &count) }
            call.task = task
        }
        if !call.provenance.isEmpty {
            // Identities inside texts are named by their value.
            call.provenance = Dictionary(
                call.provenance.map { (text($0.key, nil, &count), $0.value) },
                uniquingKeysWith: +
            )
        }
        call.peerAddress = call.peerAddress.map { address($0, &count) }
        call.principal.id = text(call.principal.id, nil, &count)
        call.session = text(call.session, nil, &count)
        call.server = text(call.server, nil, &count)
        call.tool = text(call.tool, nil, &count)
        call.delegation = call.delegation.map { text($0, nil, &count) }
        call.clientName = call.clientName.map { text($0, nil, &count) }
        call.clientVersion = call.clientVersion.map { text($0, nil, &count) }
        call.id = call.id.map { text($0, nil, &count) }
        call.definition = call.definition.map { text($0, nil, &count) }
        if let file = call.source?.file { call.source?.file = text(file, nil, &count) }
        return count
    }

    /// `user:password@host` is that part of a URL; only with its scheme does it show as one.
    private func address(_ address: String, _ count: inout Int) -> String {
        let scheme = "peer://"
        guard address.contains("@"), !address.contains("://") else { return text(address, nil, &count) }
        return String(text(scheme + address, nil, &count).dropFirst(scheme.count))
    }

    private func text(_ text: String, _ name: String?, _ count: inout Int) -> String {
        guard let replaced = replace(text, name) else { return text }
        count += 1
        return replaced
    }

    private func value(_ value: JSON.Value, _ name: String?, _ count: inout Int) -> JSON.Value {
        switch value {
        case .string(let text): return .string(self.text(text, name, &count))
        case .array(let elements): return .array(elements.map { self.value($0, name, &count) })
        case .object(let object): return .object(self.object(object, &count))
        case .integer, .number:
            // A pin is a number; a token can only be text.
            guard name != nil, let replaced = replace(value.description, name) else { return value }
            count += 1
            return .string(replaced)
        case .null, .bool: return value
        }
    }

    private func object(_ object: JSON.Object, _ count: inout Int) -> JSON.Object {
        var replaced = JSON.Object()
        replaced.reserveCapacity(object.count)
        for (key, member) in object {
            replaced[text(key, nil, &count)] = value(member, key, &count)
        }
        return replaced
    }
}
