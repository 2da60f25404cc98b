package import Core

extension Tokeniser {
    /// Replaces secrets in every text of the record; returns in how many texts it did.
    @discardableResult package func apply(to call: inout CallRecord) -> Int {
        var work = Tokenising(tokeniser: self)
        work.apply(to: &call)
        return work.count
    }

    /// As `apply`, and also replaces whatever is the same as a secret that the session has shown; calls come in their order.
    @discardableResult package func apply(to call: inout CallRecord, _ known: inout SessionSecrets) -> Int {
        guard let token else { return apply(to: &call) }
        let session = SessionSecrets.Session(call)
        var work = Tokenising(tokeniser: self)
        work.apply(to: &call)
        for secret in work.found { known.insert(secret, of: session) }
        if known.knows(session) {
            var again = KnownSecrets(session: session, token: token, originals: work.originals)
            again.apply(to: &call, &known)
            call.originals = again.originals
            return work.count + again.count
        }
        call.originals = work.originals
        return work.count
    }
}

private struct Tokenising {
    let tokeniser: Tokeniser
    var count = 0
    /// What agent and server showed of secrets, in whatever way they are told.
    var found: [String] = []
    /// By their tokens: what arguments were as a whole.
    var originals: [String: String] = [:]
    private var isArgument = false

    init(tokeniser: Tokeniser) { self.tokeniser = tokeniser }

    mutating func apply(to call: inout CallRecord) {
        isArgument = true
        call.arguments = object(call.arguments)
        isArgument = false
        if var result = call.result {
            if let text = result.text { result.text = self.text(text) }
            if let structured = result.structured { result.structured = value(structured, nil) }
            call.result = result
        }
        if var task = call.task {
            if let text = task.text { task.text = self.text(text) }
            if let id = task.id { task.id = name(id) }
            call.task = task
        }
        if !call.provenance.isEmpty {
            // Identities inside texts are named by their value.
            call.provenance = Dictionary(call.provenance.map { (name($0.key), $0.value) }, uniquingKeysWith: +)
        }
        call.peerAddress = call.peerAddress.map { address($0) }
        call.principal.id = name(call.principal.id)
        call.session = name(call.session)
        call.server = name(call.server)
        call.tool = name(call.tool)
        call.delegation = call.delegation.map { name($0) }
        call.clientName = call.clientName.map { name($0) }
        call.clientVersion = call.clientVersion.map { name($0) }
        call.id = call.id.map { name($0) }
        call.definition = call.definition.map { name($0) }
        if let file = call.source?.file { call.source?.file = name(file) }
    }

    /// `user:password@host` is that part of a URL; only with its scheme does it show as one.
    private mutating func address(_ address: String) -> String {
        let scheme = "peer://"
        guard address.contains("@"), !address.contains("://") else { return name(address) }
        return String(name(scheme + address).dropFirst(scheme.count))
    }

    /// Of what the recorder says, not the agent or a server.
    private mutating func name(_ text: String) -> String {
        guard let replaced = tokeniser.replace(text, nil) else { return text }
        count += 1
        return replaced.text
    }

    private mutating func text(_ text: String, _ name: String? = nil) -> String {
        guard let replaced = tokeniser.replace(text, name) else { return text }
        count += 1
        note(replaced, of: text)
        return replaced.text
    }

    private mutating func note(_ replaced: Tokeniser.Replacement, of text: String) {
        guard !replaced.secrets.isEmpty else { return }
        found += replaced.secrets
        if isArgument, replaced.secrets.count == 1, replaced.secrets[0].utf8.elementsEqual(text.utf8) {
            originals[replaced.text] = text
        }
    }

    private mutating func value(_ value: JSON.Value, _ name: String?) -> JSON.Value {
        switch value {
        case .string(let text): return .string(self.text(text, name))
        case .array(let elements):
            var replaced: [JSON.Value] = []
            replaced.reserveCapacity(elements.count)
            for element in elements { replaced.append(self.value(element, name)) }
            return .array(replaced)
        case .object(let object): return .object(self.object(object))
        case .integer, .number:
            // A pin is a number; a token can only be text.
            guard name != nil, let replaced = tokeniser.replace(value.description, name) else { return value }
            count += 1
            note(replaced, of: value.description)
            return .string(replaced.text)
        case .null, .bool: return value
        }
    }

    private mutating func object(_ object: JSON.Object) -> JSON.Object {
        var replaced = JSON.Object()
        replaced.reserveCapacity(object.count)
        for (key, member) in object {
            let name = text(key)
            replaced[name] = value(member, key)
        }
        return replaced
    }
}

/// Replaces what is the same as a known secret: whole values, since nothing says of a part of a text that it is one.
private struct KnownSecrets {
    let session: SessionSecrets.Session
    let token: @Sendable (String) -> String
    var originals: [String: String]
    var count = 0

    mutating func apply(to call: inout CallRecord, _ known: inout SessionSecrets) {
        for (key, member) in call.arguments {
            if let replaced = value(member, isArgument: true, &known) { call.arguments[key] = replaced }
        }
        guard var result = call.result else { return }
        if let text = result.text, let replaced = self.text(text, isArgument: false, &known) { result.text = replaced }
        if let structured = result.structured, let replaced = value(structured, isArgument: false, &known) {
            result.structured = replaced
        }
        call.result = result
    }

    private mutating func text(_ text: String, isArgument: Bool, _ known: inout SessionSecrets) -> String? {
        guard let secret = known.secret(in: text, of: session) else { return nil }
        count += 1
        let token = token(String(secret))
        if isArgument { originals[token] = String(secret) }
        return String(text[..<secret.startIndex]) + token + String(text[secret.endIndex...])
    }

    /// Nil where nothing changes, as mostly.
    private mutating func value(
        _ value: JSON.Value,
        isArgument: Bool,
        _ known: inout SessionSecrets
    ) -> JSON.Value? {
        switch value {
        case .string(let text): return self.text(text, isArgument: isArgument, &known).map { .string($0) }
        case .integer: return self.text(value.description, isArgument: isArgument, &known).map { .string($0) }
        case .array(var elements):
            var hasChanged = false
            for at in elements.indices {
                guard let replaced = self.value(elements[at], isArgument: isArgument, &known) else { continue }
                elements[at] = replaced
                hasChanged = true
            }
            return hasChanged ? .some(.array(elements)) : .none
        case .object(var object):
            var changed: [(String, JSON.Value)] = []
            for (key, member) in object {
                if let replaced = self.value(member, isArgument: isArgument, &known) { changed.append((key, replaced)) }
            }
            for (key, replaced) in changed { object[key] = replaced }
            return changed.isEmpty ? .none : .some(.object(object))
        case .number, .null, .bool: return .none
        }
    }
}
