import Audit
package import Core
import FoundationEssentials
import Gateway
import Identity
import Inspection
import Traffic
import Wire
import Workspace

/// What one principal did behind one gateway: out of the gateway's recordings and its audit log.
///
/// The log has what was decided and every kill, the recordings what became of calls. Neither has results; of what was
/// read, the classes of data are told as far as the fields of arguments show them.
package struct Incident: Sendable {
    private struct Use: Hashable {
        var server: String
        var tool: String
        var word: String
    }

    private struct InForce {
        var first: String
        var last: String
        var decisions = 0
    }

    private let gateway: String
    private let principal: String
    private let since: Timestamp
    private var calls: [Use: Int] = [:]
    private var decisions: [Use: Int] = [:]
    private var policies: [[String]: InForce] = [:]
    private var events: [JSON.Value] = []
    private var withheld: [Use: Int] = [:]
    private var items = 0
    private var addresses: Set<String> = []
    private var others: Set<String> = []
    private var stats = TrafficStats()
    /// What could not be read, in words.
    package private(set) var gaps: [String] = []

    /// Reads the folder of a gateway, which may be running.
    package init(_ principal: String, since: Timestamp, at contact: GatewayContact) {
        gateway = contact.id
        self.principal = principal
        self.since = since
        readRecordings(contact.state)
        readLogs(contact.state)
    }

    private mutating func readRecordings(_ state: String) {
        let folder = state + "/recordings"
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        let ring = try? KeyStore(directory: state + "/keys").load(.recording)
        for name in names where !name.hasPrefix(".") {
            let day = (try? ShardReader.header(of: "\(folder)/\(name)"))?.day
            // A call is in the shard of the day on which it began.
            if let day, day.daysSince1970 < since.epochSeconds / 86_400 { continue }
            do throws(ShardFault) {
                var reader = try ShardReader("\(folder)/\(name)") { id throws(ShardFault) in ring?.key(id: id) }
                var lines = NativeReader()
                while let chunk = try reader.next() {
                    lines.feed(chunk.span) { _, record in if case .success(let record) = record { take(record) } }
                }
                lines.finish { _, record in if case .success(let record) = record { take(record) } }
            } catch {
                gaps.append("the recording `\(name)` cannot be read to its end")
            }
        }
    }

    private mutating func take(_ record: CallRecord) {
        guard record.time >= since else { return }
        guard record.principal.id == principal || record.delegation.contains(principal) else { return }
        let use = Use(server: record.server, tool: record.tool, word: record.outcome.rawValue)
        calls[use, default: 0] += 1
        if record.outcome == .killed { withheld[use, default: 0] += 1 } else { items += record.result?.items ?? 0 }
        if let address = record.peerAddress { addresses.insert(address) }
        others.formUnion(([record.principal.id] + record.delegation).filter { $0 != principal })
        stats.count(record)
    }

    /// The gateway's own log, and one of each program that was wrapped.
    private mutating func readLogs(_ state: String) {
        let all = ((try? FileManager.default.contentsOfDirectory(atPath: state + "/audit")) ?? []).sorted()
        let programs = all.filter { $0.hasPrefix("program-") }
        // Where programs alone are wrapped, nobody may have written the gateway's.
        if all.contains("gateway") || programs.isEmpty { readLog(state + "/audit/gateway") }
        for name in programs { readLog("\(state)/audit/\(name)") }
        let times = events.map { $0["time"]?.string.flatMap { Timestamp(rfc3339: $0) } ?? since }
        events = zip(times, events).enumerated().sorted { ($0.element.0, $0.offset) < ($1.element.0, $1.offset) }
            .map(\.element.1)
    }

    private mutating func readLog(_ path: String) {
        let reader = LogReader(FileDisk(reading: path))
        let before = events
        events = []
        defer { events = before + events.reversed() }
        do throws(AuditError) {
            let size = try reader.checkpoint().checkpoint.size
            var end = size
            // From the end, as what is asked about is recent.
            while end > 0 {
                let begin = (end - 1) / 256 * 256
                var isBefore = false
                for bytes in try reader.entries(begin..<end, size: size).reversed() {
                    guard let entry = try? JSON.parse(Array(bytes)),
                        let time = entry["time"]?.string.flatMap({ Timestamp(rfc3339: $0) })
                    else { continue }
                    // Entries of one instant may stand in another order than their times.
                    if time < since - .seconds(60) { isBefore = true }
                    if time >= since { take(entry) }
                }
                if isBefore { break }
                end = begin
            }
        } catch {
            gaps.append("the audit log cannot be read: \(error.message)")
        }
    }

    private mutating func take(_ entry: JSON.Value) {
        switch entry["kind"]?.string {
        case "gateway.decision":
            guard let call = entry["call"] else { return }
            let delegation = (call["delegation"]?.array ?? []).compactMap(\.string)
            guard call["principal"]?.string == principal || delegation.contains(principal) else { return }
            let effective = entry["effective"]?.string ?? ""
            let reason = entry["reason"]?.string ?? ""
            let verdict = entry["verdict"]?.string ?? effective
            // It passed, and would not have if the policy were enforced; what a person allowed is no such thing.
            let isShadowed = effective == "allow" && verdict != "allow" && entry["mode"]?.string != "enforce"
            var word = isShadowed ? "would \(verdict)" : effective
            if effective != "allow" || isShadowed, !reason.isEmpty { word += ": \(reason)" }
            // Sent in the name of the principal, by whoever commands the gateway.
            if entry["canary"]?.bool == true { word = "canary \(word)" }
            let use = Use(server: call["server"]?.string ?? "", tool: call["tool"]?.string ?? "", word: word)
            decisions[use, default: 0] += 1
            let time = entry["time"]?.string ?? ""
            let key = [entry["policy"]?.string ?? "", entry["mode"]?.string ?? ""]
            var inForce = policies[key] ?? InForce(first: time, last: time)
            inForce.first = min(inForce.first, time)
            inForce.last = max(inForce.last, time)
            inForce.decisions += 1
            policies[key] = inForce
        case "gateway.revocation", "gateway.lift", "gateway.ask":
            if entry["principal"]?.string == principal { events.append(entry) }
        case "gateway.mode", "gateway.review": events.append(entry)
        default: break
        }
    }

    private static func rows(_ counts: [Use: Int]) -> [(use: Use, count: Int)] {
        counts.map { ($0.key, $0.value) }.sorted {
            ($0.use.server, $0.use.tool, $0.use.word) < ($1.use.server, $1.use.tool, $1.use.word)
        }
    }

    private static func json(_ counts: [Use: Int], _ name: String) -> JSON.Value {
        .array(
            rows(counts).map { row in
                .object(
                    JSON.Object([
                        ("server", .string(row.use.server)), ("tool", .string(row.use.tool)),
                        (name, .string(row.use.word)), ("count", .integer(Int64(row.count))),
                    ])
                )
            }
        )
    }

    package var json: JSON.Value {
        [
            "gateway": .string(gateway), "principal": .string(principal), "since": .string(since.description),
            "calls": Self.json(calls, "outcome"), "decisions": Self.json(decisions, "decision"),
            "withheld": Self.json(withheld, "outcome"), "items": .integer(Int64(items)),
            "data_classes": .array(
                stats.dataClasses.map { ["field": .string($0.field), "class": .string($0.dataClass.rawValue)] }
            ),
            "addresses": .array(addresses.sorted().map(JSON.Value.string)),
            "principals": .array(others.sorted().map(JSON.Value.string)),
            "policies": .array(
                policies.sorted { $0.value.first < $1.value.first }.map { key, value in
                    [
                        "policy": .string(key[0]), "mode": .string(key[1]), "first": .string(value.first),
                        "last": .string(value.last), "decisions": .integer(Int64(value.decisions)),
                    ]
                }
            ),
            "events": .array(events), "gaps": .array(gaps.map(JSON.Value.string)),
        ]
    }
}
