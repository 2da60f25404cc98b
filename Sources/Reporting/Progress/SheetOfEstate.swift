import Core

// The sections about what the rollout found: findings, exceptions, what was not covered, servers.

extension Sheet {
    static func findings(_ snapshot: ProgressSnapshot) -> Section {
        let severities = Finding.Severity.allCases.reversed()
        let parts = severities.compactMap { severity -> String? in
            let count = snapshot.findings.count { $0.severity == severity }
            return count == 0 ? nil : "\(count) \(severity.rawValue)"
        }
        let sorted = snapshot.findings.enumerated().sorted { left, right in
            left.element.severity == right.element.severity
                ? left.offset < right.offset : left.element.severity > right.element.severity
        }
        return Section(
            id: "findings",
            title: "Findings by severity",
            summary: parts.isEmpty ? "Nothing was found." : parts.joined(separator: ", "),
            columns: ["Severity", "About", "Finding", "Evidence"],
            rows: sorted.map { _, finding in
                [
                    Cell(finding.severity.rawValue, tone: Tone(finding.severity)), .code(finding.subject),
                    Cell(finding.message, details: [finding.code]),
                    Cell(finding.evidence.isEmpty ? "–" : finding.evidence),
                ]
            }
        )
    }

    static func exceptions(_ snapshot: ProgressSnapshot) -> Section {
        let open = snapshot.exceptions.filter { $0.closed == nil }
        let days = open.map { max(0, $0.age(at: snapshot.taken).microseconds / 86_400_000_000) }
        let buckets = [
            ("under 30 d", days.count { $0 < 30 }), ("30 to 59 d", days.count { (30..<60).contains($0) }),
            ("60 to 89 d", days.count { (60..<90).contains($0) }), ("90 d and older", days.count { $0 >= 90 }),
        ]
        let ages = buckets.filter { $0.1 > 0 }.map { "\($0.1) \($0.0)" }.joined(separator: ", ")
        let expired = open.count { $0.isExpiredButOpen(at: snapshot.taken) }
        let summary =
            snapshot.exceptions.isEmpty
            ? "Nothing is waived."
            : "\(open.count) open\(ages.isEmpty ? "" : " (\(ages))"), \(expired) of them expired, "
                + "\(snapshot.exceptions.count - open.count) closed"
        let sorted = snapshot.exceptions.enumerated().sorted { left, right in
            let ranks = (rank(left.element, at: snapshot.taken), rank(right.element, at: snapshot.taken))
            if ranks.0 != ranks.1 { return ranks.0 < ranks.1 }
            if left.element.expires != right.element.expires { return left.element.expires < right.element.expires }
            return left.offset < right.offset
        }
        return Section(
            id: "exceptions",
            title: "Exceptions",
            summary: summary,
            columns: ["Exception", "State", "Owner", "Why", "Age", "Expires"],
            rows: sorted.map { _, exception in
                let state =
                    exception.closed != nil
                    ? "closed"
                    : exception.isExpiredButOpen(at: snapshot.taken) ? "expired, still open" : "open and valid"
                return [
                    Cell(exception.scope, isCode: true, details: [exception.id]), .state(state), Cell(exception.owner),
                    Cell(
                        exception.reason,
                        details: [
                            "made by \(exception.createdBy)\(exception.isAuthenticated ? "" : ", unauthenticated"), "
                                + exception.created.minute
                        ]
                    ),
                    Cell(exception.age(at: snapshot.taken).brief), .time(exception.expires),
                ]
            }
        )
    }

    private static func rank(_ exception: Exception, at now: Timestamp) -> Int {
        exception.isExpiredButOpen(at: now) ? 0 : exception.closed == nil ? 1 : 2
    }

    static func gaps(_ snapshot: ProgressSnapshot) -> Section {
        Section(
            id: "gaps",
            title: "What was not covered, and why",
            summary: snapshot.gaps.isEmpty
                ? "No gap was reported." : Standing.counted(snapshot.gaps.count, "gap", "gaps"),
            columns: ["Not covered", "Why"],
            rows: snapshot.gaps.map { [Cell($0.subject), Cell($0.reason)] }
        )
    }

    static func servers(_ snapshot: ProgressSnapshot) -> Section {
        let tools = snapshot.servers.reduce(0.0) { $0 + Double($1.tools ?? 0) }
        let unknown = snapshot.servers.count { $0.tools == nil }
        return Section(
            id: "servers",
            title: "Servers",
            summary: snapshot.servers.isEmpty
                ? "The inventory is empty."
                : "\(Standing.counted(snapshot.servers.count, "server", "servers")) with \(number(tools)) tools"
                    + (unknown == 0 ? "" : ", those of \(unknown) unknown"),
            columns: [
                "Server", "Transport", "Encryption", "Authentication", "Owner", "Criticality", .number("Tools"),
                "Revisions",
            ],
            rows: snapshot.servers.map { server in
                let isRemote = server.transport != Transport.stdio.rawValue
                let isOpen = isRemote && server.authentication == "none"
                let isCleartext = isRemote && server.security == "cleartext"
                return [
                    .code(server.id), Cell(server.transport), Cell(server.security, tone: isCleartext ? .warn : nil),
                    Cell(server.authentication, tone: isOpen ? .bad : nil),
                    Cell(server.owner ?? "no owner", tone: (server.owner ?? "").isEmpty ? .warn : nil),
                    Cell(server.criticality ?? "not rated"), server.tools.map { .number($0) } ?? Cell("?"),
                    Cell(server.revisions.isEmpty ? "–" : server.revisions.joined(separator: ", ")),
                ]
            }
        )
    }
}

extension Exception {
    /// How old it is, or was when it was closed.
    fileprivate func age(at now: Timestamp) -> Duration { (closed ?? now) - created }
}
