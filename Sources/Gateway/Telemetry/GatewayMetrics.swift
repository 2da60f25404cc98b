import Core

extension Shared {
    /// What Prometheus asks for: every figure that the gateway has.
    func metrics(_ settings: Settings) -> String {
        let id = ("gateway", settings.configuration.id)
        let seen = observatory.metrics
        var text = PrometheusText()
        for name in Counters.Name.allCases {
            let metric = "lockstep_gateway_\(Self.snake("\(name)"))_total"
            text.family(metric, .counter, name.help)
            text.sample(metric, [id], counters[name])
        }
        byRoute(&text, seen, id)
        durations(&text, seen, id)
        standing(&text, settings, seen, id)
        telemetry(&text, id)
        delivery.write(&text, id)
        return text.text
    }

    private func byRoute(_ text: inout PrometheusText, _ seen: RequestMetrics, _ id: (String, String)) {
        let routes = seen.routes.sorted { $0.key < $1.key }
        let requests = "lockstep_gateway_route_requests_total"
        text.family(requests, .counter, "Requests by route and by what was decided.")
        for (path, route) in routes {
            for verdict in RequestEvent.Verdict.allCases {
                let labels = [id, ("route", path), ("server", route.server), ("decision", verdict.rawValue)]
                text.sample(requests, labels, route.verdicts[verdict.number])
            }
        }
        for (name, help, part) in [
            ("lockstep_gateway_received_bytes_total", "Bytes of requests.", \RequestMetrics.Route.bytesIn),
            ("lockstep_gateway_sent_bytes_total", "Bytes of answers.", \RequestMetrics.Route.bytesOut),
        ] {
            text.family(name, .counter, help)
            for (path, route) in routes { text.sample(name, [id, ("route", path)], route[keyPath: part]) }
        }
        for (name, help, part) in [
            (
                "lockstep_gateway_decide_duration_seconds", "Time to decide on a request.",
                \RequestMetrics.Route.decide
            ),
            (
                "lockstep_gateway_upstream_duration_seconds", "Time until a server began to answer.",
                \RequestMetrics.Route.upstream
            ),
        ] {
            text.family(name, .histogram, help)
            for (path, route) in routes { text.samples(name, [id, ("route", path)], route[keyPath: part]) }
        }
    }

    private func durations(_ text: inout PrometheusText, _ seen: RequestMetrics, _ id: (String, String)) {
        let name = "mcp_server_operation_duration_seconds"
        text.family(name, .histogram, "From the receipt of a request or notification until its result is sent.")
        let all = seen.operations.sorted { left, right in
            (left.key.route, left.key.method, left.key.name, left.key.fault, left.key.revision)
                < (right.key.route, right.key.method, right.key.name, right.key.fault, right.key.revision)
        }
        for (key, histogram) in all {
            let labels = [
                id, ("route", key.route), ("mcp_method_name", key.method), ("gen_ai_tool_name", key.name),
                ("error_type", key.fault), ("mcp_protocol_version", key.revision),
            ]
            text.samples(name, labels.filter { !$0.1.isEmpty }, histogram)
        }
    }

    private func standing(
        _ text: inout PrometheusText,
        _ settings: Settings,
        _ seen: RequestMetrics,
        _ id: (String, String)
    ) {
        func gauge(_ name: String, _ help: String, _ value: Int, _ labels: [(String, String)] = []) {
            text.family(name, .gauge, help)
            text.sample(name, [id] + labels, value)
        }
        gauge(
            "lockstep_gateway_policy_info",
            "The policy in force by its digest, and the mode.",
            1,
            [("revision", settings.policyName), ("mode", settings.configuration.mode.rawValue)]
        )
        gauge(
            "lockstep_gateway_reload_failed",
            "1 where the document was read anew last, and is not in force because something in it is wrong.",
            reloads.state.fault == nil ? 0 : 1
        )
        gauge("lockstep_gateway_connections", "Connections of clients that are open.", seen.connections)
        gauge(
            "lockstep_gateway_revocations",
            "Principals that are denied everything.",
            revocations.entries.count { $0.lifted == nil }
        )
        gauge("lockstep_gateway_asks_open", "Questions that nobody has answered.", asks.open(at: now()).count)
        gauge(
            "lockstep_gateway_definitions_changed",
            "Tools whose definition is another than the one that was reviewed.",
            definitions.changed.count
        )
    }

    private func telemetry(_ text: inout PrometheusText, _ id: (String, String)) {
        let dropped = "lockstep_telemetry_dropped_total"
        text.family(dropped, .counter, "Events, spans and log lines that were lost for want of room.")
        for loss in Observatory.Loss.allCases {
            text.sample(dropped, [id, ("kind", loss.label)], observatory[loss])
        }
        let depth = "lockstep_telemetry_queue_depth"
        text.family(depth, .gauge, "Events that wait to be written, and spans that wait for a collector.")
        text.sample(depth, [id, ("kind", "ring")], observatory.eventsWaiting)
        text.sample(depth, [id, ("kind", "spans")], observatory.spansWaiting)
        let exports = "lockstep_telemetry_exports_total"
        text.family(exports, .counter, "Exports to a collector.")
        text.sample(exports, [id, ("result", "taken")], observatory.exportCounts.taken)
        text.sample(exports, [id, ("result", "failed")], observatory.exportCounts.failed)
    }

    private static func snake(_ name: String) -> String {
        name.reduce(into: "") { text, letter in text += letter.isUppercase ? "_" + letter.lowercased() : String(letter)
        }
    }
}

extension Counters.Name {
    fileprivate var help: String {
        switch self {
        case .requests: "Requests that came in."
        case .allowed: "Uses that were allowed."
        case .denied: "Uses that were denied by policy or because of a kill."
        case .asked: "Uses about which a person is asked."
        case .shadowed: "Uses that passed and would be denied if the policy were enforced."
        case .refused: "Requests that were malformed, unproven or not meant for the gateway."
        case .withheld: "Messages of servers that were kept back."
        case .killed: "Principals that were killed for what they were about to get."
        case .canaries: "Calls that people sent to see what the policy makes of them."
        case .failedReloads: "Times that the document was read anew and something in it was wrong."
        case .refusedBundles: "Bundles of policies that were not taken."
        case .shedRecords: "Calls that could not be recorded."
        case .upstreamFaults: "Requests to which a server gave no answer that can be used."
        }
    }
}

extension Shared {
    /// The gateway's counters by the names under which they are exported.
    package var counts: [(name: String, value: Int)] {
        Counters.Name.allCases.map { ("lockstep.gateway.\(Self.snake("\($0)"))", counters[$0]) }
            + Observatory.Loss.allCases.map { ("lockstep.telemetry.dropped.\($0.label)", observatory[$0]) }
    }
}
