package import Core

/// Writes what was counted as `ExportMetricsServiceRequest` of OTLP 1.x in protocol buffers, cumulative since the start.
package struct OTLPMetrics: Sendable {
    let gateway: String
    let start: UInt64

    package init(gateway: String, since start: Timestamp) {
        self.gateway = gateway
        self.start = UInt64(clamping: start.microseconds) &* 1_000
    }

    package func request(
        _ metrics: RequestMetrics,
        counters: [(name: String, value: Int)],
        at time: Timestamp
    ) -> [UInt8] {
        let now = UInt64(clamping: time.microseconds) &* 1_000
        var writer = ProtobufWriter()
        writer.message(1) { resourceMetrics in
            resourceMetrics.message(1) { OTLP.resource(&$0, gateway) }
            resourceMetrics.message(2) { scope in
                scope.message(1) { OTLP.scope(&$0) }
                operations(&scope, metrics, now)
                histogram(
                    &scope,
                    "lockstep.gateway.decide.duration",
                    "Time to decide on a request.",
                    metrics,
                    now,
                    \.decide
                )
                histogram(
                    &scope,
                    "lockstep.gateway.upstream.duration",
                    "Time until a server began to answer.",
                    metrics,
                    now,
                    \.upstream
                )
                verdicts(&scope, metrics, now)
                for (name, value) in counters {
                    sum(&scope, name, "") { $0.message(1) { point(&$0, now, UInt64(clamping: value), []) } }
                }
            }
        }
        return writer.bytes
    }

    private func operations(_ scope: inout ProtobufWriter, _ metrics: RequestMetrics, _ now: UInt64) {
        guard !metrics.operations.isEmpty else { return }
        scope.message(2) { metric in
            head(
                &metric,
                "mcp.server.operation.duration",
                "From the receipt of a request or notification until its result is sent.",
                "s"
            )
            metric.message(9) { data in
                for (key, value) in metrics.operations {
                    var attributes = [("mcp.method.name", key.method), ("http.route", key.route)]
                    if !key.name.isEmpty {
                        attributes.append(
                            (key.method == "prompts/get" ? "gen_ai.prompt.name" : "gen_ai.tool.name", key.name)
                        )
                    }
                    if key.method == "tools/call" { attributes.append(("gen_ai.operation.name", "execute_tool")) }
                    if !key.fault.isEmpty { attributes.append(("error.type", key.fault)) }
                    if !key.revision.isEmpty { attributes.append(("mcp.protocol.version", key.revision)) }
                    data.message(1) { self.point(&$0, now, value, attributes) }
                }
                data.number(2, 2)
            }
        }
    }

    private func histogram(
        _ scope: inout ProtobufWriter,
        _ name: String,
        _ text: String,
        _ metrics: RequestMetrics,
        _ now: UInt64,
        _ part: KeyPath<RequestMetrics.Route, Histogram>
    ) {
        guard !metrics.routes.isEmpty else { return }
        scope.message(2) { metric in
            head(&metric, name, text, "s")
            metric.message(9) { data in
                for (path, route) in metrics.routes {
                    data.message(1) { self.point(&$0, now, route[keyPath: part], [("http.route", path)]) }
                }
                data.number(2, 2)
            }
        }
    }

    private func verdicts(_ scope: inout ProtobufWriter, _ metrics: RequestMetrics, _ now: UInt64) {
        guard !metrics.routes.isEmpty else { return }
        sum(&scope, "lockstep.gateway.route.requests", "Requests by what was decided.") { data in
            for (path, route) in metrics.routes {
                for verdict in RequestEvent.Verdict.allCases where route.verdicts[verdict.number] > 0 {
                    let attributes = [("http.route", path), ("lockstep.decision", verdict.rawValue)]
                    data.message(1) { self.point(&$0, now, route.verdicts[verdict.number], attributes) }
                }
            }
        }
    }

    private func head(_ metric: inout ProtobufWriter, _ name: String, _ text: String, _ unit: String) {
        metric.text(1, name)
        if !text.isEmpty { metric.text(2, text) }
        metric.text(3, unit)
    }

    /// A sum that only grows, cumulative.
    private func sum(
        _ scope: inout ProtobufWriter,
        _ name: String,
        _ text: String,
        _ points: (inout ProtobufWriter) -> Void
    ) {
        scope.message(2) { metric in
            head(&metric, name, text, "1")
            metric.message(7) { data in
                points(&data)
                data.number(2, 2)
                data.number(3, 1)
            }
        }
    }

    private func point(
        _ writer: inout ProtobufWriter,
        _ now: UInt64,
        _ value: UInt64,
        _ attributes: [(String, String)]
    ) {
        writer.fixed64(2, start)
        writer.fixed64(3, now)
        // `as_int` is a signed number of fixed width.
        writer.fixed64(6, value)
        for (key, value) in attributes { OTLP.attribute(&writer, 7, key, OTLP.cut(value)) }
    }

    private func point(
        _ writer: inout ProtobufWriter,
        _ now: UInt64,
        _ value: Histogram,
        _ attributes: [(String, String)]
    ) {
        writer.fixed64(2, start)
        writer.fixed64(3, now)
        writer.fixed64(4, value.count)
        writer.double(5, value.sum)
        writer.packed(6, value.counts)
        writer.packed(7, value.bounds)
        for (key, value) in attributes { OTLP.attribute(&writer, 9, key, OTLP.cut(value)) }
    }
}
