import Actions
import ArgumentParser
import Core
import FoundationEssentials
import Gateway

struct IncidentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "incident",
        abstract: "Say what a principal did behind the gateways.",
        discussion: "It reads the folders of the gateways, whose owner alone may; the gateways need not run."
    )

    @Argument(help: "Whom it is about, as the gateway's records name them.") var principal: String
    @Option(help: "From when on: a time such as 2026-11-23T20:00:00Z, or how long ago, such as 6h.")
    var since: String
    @OptionGroup var gateways: GatewayOptions

    func run() async throws {
        let now = SystemClock().now()
        guard let since = Timestamp(rfc3339: since) ?? Duration(playbook: since).map({ now + (.zero - $0) }) else {
            throw CommandFailure(
                "incident.since",
                "`\(Output.printable(self.since))` is neither a time nor a duration",
                help: "write it as `2026-11-23T20:00:00Z` or `6h`",
                status: ExitStatus.invalidInput
            )
        }
        var all: [JSON.Value] = []
        var isWhole = true
        for gateway in try gateways.reach() {
            switch gateway.contact {
            case .failure(let error):
                isWhole = false
                Output.talk("\(Output.printable(gateway.id)): \(error.message)")
            case .success(let contact):
                let incident = Incident(principal, since: since, at: contact)
                all.append(incident.json)
                for gap in incident.gaps {
                    isWhole = false
                    Output.talk("\(Output.printable(gateway.id)): \(gap)")
                }
            }
        }
        switch gateways.output.format {
        case .json: Output.answer(.array(all))
        case .table: Output.answer(all.map(Self.page).joined(separator: "\n\n"))
        }
        if !isWhole { throw ExitStatus.failed }
    }

    private static func page(_ incident: JSON.Value) -> String {
        func rows(_ member: String, _ columns: [String]) -> [[String]] {
            (incident[member]?.array ?? []).map { row in
                columns.map { row[$0]?.string ?? row[$0]?.int.map { String($0) } ?? "" }
            }
        }
        func texts(_ member: String) -> String {
            (incident[member]?.array ?? []).compactMap(\.string).joined(separator: ", ")
        }
        var parts = [
            "\(incident["principal"]?.string ?? "") at \(incident["gateway"]?.string ?? "") since \(incident["since"]?.string ?? "")"
        ]
        func section(_ member: String, _ title: String, _ columns: [String]) {
            let rows = rows(member, columns)
            parts.append(title + (rows.isEmpty ? ": none" : "\n" + Output.table(columns, rows)))
        }
        section("calls", "calls", ["server", "tool", "outcome", "count"])
        section("decisions", "decided", ["server", "tool", "decision", "count"])
        section("withheld", "withheld", ["server", "tool", "count"])
        parts.append("items received: \(incident["items"]?.int ?? 0)")
        section("data_classes", "data", ["field", "class"])
        section("policies", "policies in force", ["policy", "mode", "first", "last", "decisions"])
        section("events", "what people and the gateway did", ["time", "kind", "by", "reason", "answer", "mode"])
        let (addresses, principals) = (texts("addresses"), texts("principals"))
        parts.append("from: \(addresses.isEmpty ? "nowhere" : addresses)")
        if !principals.isEmpty { parts.append("together with: \(principals)") }
        return parts.joined(separator: "\n\n")
    }
}
