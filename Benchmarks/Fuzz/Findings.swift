import Foundation

/// What was found, and how much was tried.
///
/// libFuzzer runs one input after the other on one thread, and so nothing here is guarded.
struct Findings {
    /// Two readers that must agree did not, or a property did not hold.
    struct Finding {
        var kind: String
        var detail: String
    }

    nonisolated(unsafe) static var shared = Findings()

    var folder = "findings"
    private var executions = 0
    private var outcomes: [String: Int] = [:]
    private var kept: [String: Int] = [:]
    private let began = ContinuousClock.now
    private var said = ContinuousClock.now
    /// Inputs of one kind beyond these are counted only.
    private static let mostOfOneKind = 8
    var isReplay = false

    var isClean: Bool { kept.isEmpty }

    mutating func note(_ input: [UInt8], _ outcome: String, _ found: [Finding]) {
        executions += 1
        outcomes[outcome, default: 0] += 1
        for finding in found { keep(finding, input) }
        if isReplay {
            print("outcome \(outcome)")
            for finding in found { print("finding \(finding.kind): \(finding.detail)") }
        }
        if executions & 0x3FF == 0, said.duration(to: .now) > .seconds(60) {
            said = .now
            printFigures()
        }
    }

    private mutating func keep(_ finding: Finding, _ input: [UInt8]) {
        kept[finding.kind, default: 0] += 1
        let number = kept[finding.kind, default: 0]
        guard number <= Self.mostOfOneKind, !isReplay else { return }
        let path = "\(folder)/\(finding.kind)-\(getpid())-\(number)"
        do {
            try Data(input).write(to: URL(filePath: path))
            say("FINDING \(finding.kind) in \(path): \(finding.detail)")
        } catch {
            say("FINDING \(finding.kind), which could not be written: \(finding.detail)")
        }
    }

    func printFigures(isLast: Bool = false) {
        let elapsed = began.duration(to: .now)
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
        let rate = Int(Double(executions) / max(seconds, 0.001))
        let all =
            kept.isEmpty
            ? "none" : kept.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        say(
            "\(isLast ? "FIGURES" : "figures") seconds=\(Int(seconds)) executions=\(executions) per-second=\(rate) outcomes=\(outcomes.count) findings: \(all)"
        )
        guard isLast else { return }
        for (outcome, count) in outcomes.sorted(by: { $0.key < $1.key }) { say("  \(count)\t\(outcome)") }
    }

    private func say(_ line: String) {
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }
}
