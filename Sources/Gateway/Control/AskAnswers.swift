package import Core

extension Shared {
    /// Answers a question and writes who did so into the audit log; nil where there is none that can be answered.
    package func answerAsk(
        _ id: String,
        _ answer: Asks.Answer,
        by person: String,
        reason: String?,
        gateway: String
    ) -> Asks.Question? {
        guard let question = asks.answer(id, answer, by: person, at: now()) else { return nil }
        note(
            "gateway.ask",
            [
                "reason": reason.map(JSON.Value.string) ?? .null, "answer": .string(answer.rawValue),
                "by": .string(person), "ask": .string(id), "principal": .string(question.principal),
                "server": .string(question.server), "tool": .string(question.tool),
                "arguments": .string(question.arguments.description),
            ],
            gateway: gateway
        )
        return question
    }
}

extension Asks.Question {
    /// As commands show it: what is asked, and not what became of it.
    package var shownJSON: JSON.Value {
        [
            "id": .string(id), "principal": .string(principal), "server": .string(server), "tool": .string(tool),
            "arguments": .string(shown), "digest": .string(arguments.description),
            "rule": rule.map(JSON.Value.string) ?? .null, "time": .string(at.description),
        ]
    }

    /// Reads what `shownJSON` writes; nothing where something is missing or of the wrong type.
    package init?(_ json: JSON.Value) {
        guard let id = json["id"]?.string, let principal = json["principal"]?.string,
            let server = json["server"]?.string, let tool = json["tool"]?.string,
            let shown = json["arguments"]?.string, let arguments = json["digest"]?.string.flatMap({ Digest($0) }),
            let at = json["time"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        self.init(
            id: id,
            principal: principal,
            server: server,
            tool: tool,
            arguments: arguments,
            shown: shown,
            rule: json["rule"]?.string,
            at: at
        )
    }
}
