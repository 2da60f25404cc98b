package import Core
import NIOCore

/// Answers on the admin port: how it stands, who is denied, what people are asked.
///
/// The port is on loopback, where agents may run as well: every request but the metrics needs the token that only the
/// owner of the gateway's folder can read.
final class AdminDesk: ConnectionOwner {
    let loop: any EventLoop
    let limits = GatewayConfiguration.Limits(bodyBytes: 1 << 20, headBytes: 16 << 10, requestSeconds: 10, idleSeconds: 60)
    let isDraining = false
    private let shared: Shared
    private let settings: @Sendable () -> Settings
    private let token: Redacted<String>

    init(
        loop: any EventLoop,
        shared: Shared,
        token: Redacted<String>,
        settings: @escaping @Sendable () -> Settings
    ) {
        self.loop = loop
        self.shared = shared
        self.token = token
        self.settings = settings
    }

    func opened(_ connection: ClientConnection) {}
    func closed(_ connection: ClientConnection) {}

    func take(_ request: ClientRequest, from connection: ClientConnection) -> (any RequestWork)? {
        connection.write(answer(request).bytes(closes: connection.closesAfterAnswer))
        return nil
    }

    private func answer(_ request: ClientRequest) -> Answer {
        let head = request.head
        // A page in a browser on this machine must not reach it under another name.
        let host = head.authority.split(separator: ":").first.map(String.init) ?? ""
        guard ["127.0.0.1", "localhost", "[", "[::1]"].contains(host), !head.head.has(.origin) else {
            return Answer(status: 403, reason: "host")
        }
        if head.method == .get, head.path == "/metrics" {
            return Answer(status: 200, body: Array(metrics.utf8), contentType: "text/plain; version=0.0.4; charset=utf-8")
        }
        guard head.head.value(of: .authorization).map(isToken) ?? false else { return Answer(status: 401, reason: "token") }
        let parts = head.path.split(separator: "/").map(String.init)
        switch (head.method, parts.count, parts.first, parts.dropFirst().first) {
        case (.get, 2, "v1", "status"): return json(status)
        case (.get, 2, "v1", "asks"): return json(.array(shared.asks.open(at: shared.now()).map(Self.value)))
        case (.post, 4, "v1", "asks"): return answerAsk(parts[2], parts[3], request)
        case (.get, 2, "v1", "revocations"): return json(.array(shared.revocations.entries.map(Self.value)))
        case (.post, 2, "v1", "revocations"): return revoke(request)
        case (.post, 3, "v1", "revocations") where parts[2] == "lift": return lift(request)
        default: return Answer(status: 404, reason: "path")
        }
    }

    private func isToken(_ field: String) -> Bool {
        guard field.hasPrefix("Bearer ") else { return false }
        let given = Array(field.utf8.dropFirst(7))
        let own = Array(token.revealed.utf8)
        guard given.count == own.count else { return false }
        // As long for a wrong first byte as for a wrong last one.
        var difference: UInt8 = 0
        for (left, right) in zip(given, own) { difference |= left ^ right }
        return difference == 0
    }

    private func json(_ value: JSON.Value) -> Answer { Answer(status: 200, body: JSON.canonical(value)) }

    private func members(_ request: ClientRequest) -> JSON.Object {
        (try? JSON.parse(request.body.readableBytesUInt8Span))?.object ?? [:]
    }

    private func answerAsk(_ id: String, _ word: String, _ request: ClientRequest) -> Answer {
        guard let answer = Asks.Answer(rawValue: word) else { return Answer(status: 404, reason: "path") }
        let person = members(request)["by"]?.string ?? "admin"
        let now = shared.now()
        guard let question = shared.asks.answer(id, answer, by: person, at: now) else {
            return Answer(status: 404, reason: "no such question is open")
        }
        note("gateway.ask", [
            "answer": .string(word), "by": .string(person), "ask": .string(id),
            "principal": .string(question.principal), "server": .string(question.server),
            "tool": .string(question.tool), "arguments": .string(question.arguments.description),
        ])
        return json(Self.value(question))
    }

    private func revoke(_ request: ClientRequest) -> Answer {
        let members = members(request)
        guard let principal = members["principal"]?.string, !principal.isEmpty, principal.utf8.count <= 2_048,
            let reason = members["reason"]?.string, !reason.isEmpty
        else { return Answer(status: 400, reason: "a principal and a reason are needed") }
        let by = members["by"]?.string ?? "admin"
        let isKept = shared.revocations.add(principal: principal, reason: reason, by: by, at: shared.now())
        shared.enforceRevocations()
        note("gateway.revocation", ["by": .string(by), "principal": .string(principal)])
        // It is in force either way; that it would not outlive a restart must be known.
        guard isKept else { return Answer(status: 500, reason: "denied, but not on disk") }
        return json(["principal": .string(principal), "state": "denied"])
    }

    private func lift(_ request: ClientRequest) -> Answer {
        let members = members(request)
        guard let principal = members["principal"]?.string, let reason = members["reason"]?.string, !reason.isEmpty else {
            return Answer(status: 400, reason: "a principal and a reason are needed")
        }
        let by = members["by"]?.string ?? "admin"
        guard shared.revocations.lift(principal: principal, reason: reason, by: by, at: shared.now()) else {
            return Answer(status: 404, reason: "nobody of that name is denied")
        }
        note("gateway.lift", ["by": .string(by), "principal": .string(principal)])
        return json(["principal": .string(principal), "state": "allowed"])
    }

    private func note(_ kind: String, _ members: JSON.Object) {
        var entry = members
        entry["schema"] = "lockstep.audit/1"
        entry["kind"] = .string(kind)
        entry["time"] = .string(shared.now().description)
        entry["gateway"] = .string(settings().configuration.id)
        _ = shared.audit.note(JSON.canonical(.object(entry)))
    }

    private var status: JSON.Value {
        let settings = settings()
        var counts: JSON.Object = [:]
        for name in Counters.Name.allCases { counts["\(name)"] = .integer(Int64(shared.counters[name])) }
        return [
            "gateway": .string(settings.configuration.id), "mode": .string(settings.configuration.mode.rawValue),
            "policy": .string(settings.policyName), "counters": .object(counts),
            "changed_definitions": .array(
                shared.definitions.changed.map { ["server": .string($0.server), "tool": .string($0.tool)] }
            ),
            "revocations": .integer(Int64(shared.revocations.entries.filter { $0.lifted == nil }.count)),
            "asks": .integer(Int64(shared.asks.open(at: shared.now()).count)),
        ]
    }

    /// The exposition format of Prometheus 0.0.4.
    private var metrics: String {
        var lines: [String] = []
        let id = settings().configuration.id
        for name in Counters.Name.allCases {
            let metric = "lockstep_gateway_\(Self.snake("\(name)"))_total"
            lines.append("# TYPE \(metric) counter")
            lines.append("\(metric){gateway=\"\(id)\"} \(shared.counters[name])")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func snake(_ name: String) -> String {
        name.reduce(into: "") { text, letter in text += letter.isUppercase ? "_" + letter.lowercased() : String(letter) }
    }

    private static func value(_ question: Asks.Question) -> JSON.Value {
        [
            "id": .string(question.id), "principal": .string(question.principal), "server": .string(question.server),
            "tool": .string(question.tool), "arguments": .string(question.shown),
            "digest": .string(question.arguments.description), "rule": question.rule.map(JSON.Value.string) ?? .null,
            "time": .string(question.at.description),
        ]
    }

    private static func value(_ entry: Revocations.Entry) -> JSON.Value { entry.json }
}

extension Revocations.Entry {
    /// As lists and files have it.
    package var json: JSON.Value {
        var object: JSON.Object = [
            "number": .integer(Int64(number)), "principal": .string(principal), "reason": .string(reason),
            "by": .string(by), "time": .string(at.description),
        ]
        if let lifted {
            object["lifted"] = [
                "by": .string(lifted.by), "reason": .string(lifted.reason), "time": .string(lifted.at.description),
            ]
        }
        return .object(object)
    }

    /// Reads what `json` writes; nothing where something is missing or of the wrong type.
    package init?(_ json: JSON.Value) {
        guard let number = json["number"]?.int, let principal = json["principal"]?.string,
            let reason = json["reason"]?.string, let by = json["by"]?.string,
            let at = json["time"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        var lift: Lift?
        if let lifted = json["lifted"] {
            guard let by = lifted["by"]?.string, let reason = lifted["reason"]?.string,
                let at = lifted["time"]?.string.flatMap({ Timestamp(rfc3339: $0) })
            else { return nil }
            lift = Lift(by: by, reason: reason, at: at)
        }
        self.init(number: Int(number), principal: principal, reason: reason, by: by, at: at, lifted: lift)
    }
}
