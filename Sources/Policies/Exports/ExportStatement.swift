package import Core

/// What an export could not say, rule by rule.
package struct ExportStatement: Sendable, Hashable {
    /// How the engine's verdict differs from ours.
    package enum Effect: String, Sendable, CaseIterable {
        /// The rule is not in the export: what it allows is denied.
        case omitted
        /// Some of what the rule allows is denied.
        case narrower
        /// Only another spelling, nesting or size than was exported is denied.
        case unusual
        /// The verdicts agree as long as something holds that the engine cannot see to.
        case assumed
    }

    package enum Reason: String, Sendable, CaseIterable {
        /// Texts compare in the exported spellings only.
        case spelling
        /// Lists longer, or nested deeper, than is written out.
        case size
        case provenance
        /// Values whose class is open, but that must not stand in what the session read.
        case openValues = "open-values"
        /// Texts in which somebody may be named.
        case entities
        case domains
        case patterns
        case numbers
        case length
        case lists
        case nested
        /// JSON's null, which is no value here.
        case null
        case required
        /// Arguments that the engine does not see because nobody named them.
        case unruledArguments = "unruled-arguments"
        case arguments
        case condition
        /// How often a session may call the tool.
        case calls
        case window
        case expiry
        case definition
        case task
        case ask
        case shadow
        case forbid
        case unseenReads = "unseen-reads"
        /// An agent that the inventory knows by another name than the engine.
        case agent
        case toolName = "tool-name"
        case limit
        /// Something that the policy says and no exporter knows yet.
        case unknown
    }

    package struct Difference: Sendable, Hashable, Comparable {
        package var rule: String?
        package var argument: String?
        package var effect: Effect
        package var reason: Reason
        package var detail: String

        package static func < (left: Self, right: Self) -> Bool { left.order.lexicographicallyPrecedes(right.order) }

        private var order: [String] { [rule ?? "", argument ?? "", effect.rawValue, reason.rawValue, detail] }
    }

    package let target: ExportTarget
    /// Rules that allow, whatever became of them.
    package internal(set) var rules: Set<String> = []
    private var found: Set<Difference> = []

    init(_ target: ExportTarget) { self.target = target }

    package var differences: [Difference] { found.sorted() }

    mutating func add(
        _ effect: Effect,
        _ reason: Reason,
        rules: [String],
        argument: String? = nil,
        _ detail: String
    ) {
        for rule in rules {
            found.insert(Difference(rule: rule, argument: argument, effect: effect, reason: reason, detail: detail))
        }
    }

    mutating func add(_ effect: Effect, _ reason: Reason, _ detail: String) {
        found.insert(Difference(rule: nil, argument: nil, effect: effect, reason: reason, detail: detail))
    }

    /// Rules whose verdicts the engine shares for every call that is spelled and sized as usual.
    package var exactRules: Set<String> {
        rules.subtracting(found.lazy.filter { $0.effect == .omitted || $0.effect == .narrower }.compactMap(\.rule))
    }

    /// Rules that are not in the export.
    package var omittedRules: Set<String> {
        Set(found.lazy.filter { $0.effect == .omitted }.compactMap(\.rule)).intersection(rules)
    }

    /// The name under which a statement lies beside what it is about.
    package static let file = "statement.json"
    package static let format = "lockstep.export/1"

    /// For machines, with everything in a fixed order, and with the digests of the files that were written with it.
    func json(of files: [ExportFile]) -> JSON.Value {
        let digests = files.sorted { $0.path < $1.path }
            .map { (key: $0.path, value: JSON.Value.string(Digest.sha256($0.bytes).description)) }
        var object = json.object ?? [:]
        object["files"] = .object(JSON.Object(digests))
        return .object(object)
    }

    package var json: JSON.Value {
        let exact = exactRules
        let omitted = omittedRules
        let members: [(key: String, value: JSON.Value)] = [
            ("format", .string(Self.format)), ("target", .string(target.rawValue)),
            ("exact", Self.list(exact)), ("narrower", Self.list(rules.subtracting(exact).subtracting(omitted))),
            ("omitted", Self.list(omitted)), ("narrower_arguments", .integer(Int64(narrowerArguments))),
            ("differences", .array(differences.map(\.json))),
        ]
        return .object(JSON.Object(members))
    }

    /// How many rules and arguments the engine shares, in one line for people.
    package var summary: String {
        let exact = exactRules.count
        let omitted = omittedRules
        let stricter = rules.count - exact - omitted.count
        var line =
            "\(exact) of \(counted(rules.count, "rule")) as \(rules.count == 1 ? "it is" : "they are"), \(stricter) stricter"
        let arguments = narrowerArguments
        if arguments > 0 { line += " in \(counted(arguments, "argument"))" }
        return line + ", \(omitted.count) left out"
    }

    /// How many arguments of the rules that are in the export lost something.
    package var narrowerArguments: Int {
        let omitted = omittedRules
        return Set(
            found.lazy.filter { $0.effect == .narrower && !omitted.contains($0.rule ?? "") }
                .compactMap { difference in difference.argument.map { [difference.rule ?? "", $0] } }
        ).count
    }

    /// Why rules are not in the export, each reason with the number of rules that would need it to be mended.
    package var omissions: [Reason: Int] {
        var omissions: [Reason: Int] = [:]
        for difference in found where difference.effect == .omitted && difference.rule != nil {
            omissions[difference.reason, default: 0] += 1
        }
        return omissions
    }

    private static func list(_ names: Set<String>) -> JSON.Value { .array(names.sorted().map(JSON.Value.string)) }
}

extension ExportStatement.Difference {
    /// One line for people: the rule and argument, the two codes, the words.
    package var line: String {
        let place = [rule, argument].compactMap(\.self).joined(separator: " ")
        return "\(place.isEmpty ? "the policy" : place): \(effect.rawValue), \(reason.rawValue): \(detail)"
    }

    fileprivate var json: JSON.Value {
        var members: [(key: String, value: JSON.Value)] = []
        if let rule { members.append(("rule", .string(rule))) }
        if let argument { members.append(("argument", .string(argument))) }
        members.append(("effect", .string(effect.rawValue)))
        members.append(("reason", .string(reason.rawValue)))
        members.append(("detail", .string(detail)))
        return .object(JSON.Object(members))
    }
}
