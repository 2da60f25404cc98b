package import Behaviour
import Core

extension Proposal {
    /// What came of comparing arguments with each other, one sentence for each outcome.
    package var relationLines: [String] {
        let needed = MiningParameters()
        var found: [String] = []
        var none: [String] = []
        var few: [String] = []
        var narrow: [String] = []
        var large: [String] = []
        for search in relationSearches {
            switch search.outcome {
            case .compared(0): none.append(search.rule)
            case .compared(let count): found.append("\(search.rule) (\(count))")
            case .fewSessions(let count): few.append("\(search.rule) (\(count))")
            case .fewTasks(let count): narrow.append("\(search.rule) (\(count))")
            case .tooManyArguments(let count): large.append("\(search.rule) (\(count))")
            }
        }
        return [
            ("relations between arguments were found: ", found),
            ("no relation between arguments holds in all sessions beyond chance: ", none),
            (
                "relations were not looked for below \(needed.relationSessions) sessions that send two arguments, the bound one not by request: ",
                few
            ),
            ("relations were not looked for below \(needed.leaveOutUnits) tasks: ", narrow),
            ("relations were not looked for beyond \(needed.mostRelated) arguments: ", large),
        ].compactMap { words, rules in rules.isEmpty ? nil : words + Self.named(rules) }
    }

    private static func named(_ rules: [String]) -> String {
        rules.prefix(8).joined(separator: ", ") + (rules.count > 8 ? " and \(rules.count - 8) more" : "")
    }
}
