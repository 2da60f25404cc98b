import Actions
import Core
import Playbooks
import Testing

/// Rules that every action and metric keeps, and what the linter makes of each.
@Suite struct CatalogueTests {
    private static let actions = shipped.actions.values.map(\.schema).sorted { $0.name < $1.name }
    private static let metrics = shipped.metrics.values.map(\.schema).sorted { $0.name < $1.name }
    private static let parameters = actions.flatMap { action in action.parameters.map { (action, $0) } }

    @Test func theCatalogueIsThisAndNothingElse() {
        #expect(
            Self.actions.map(\.name.text) == [
                "discovery.configurations", "discovery.launch", "discovery.models", "discovery.network",
                "discovery.probe", "discovery.processes", "exec.run", "gateway.canary", "gateway.deploy",
                "gateway.mode",
                "gateway.restore", "inventory.assign", "inventory.diff",
                "inventory.export", "inventory.snapshot", "policy.deploy", "policy.export", "policy.mine",
                "policy.release",
                "policy.replay", "policy.unexport", "report.progress", "traffic.import", "traffic.record",
            ]
        )
        #expect(
            Self.metrics.map(\.name) == [
                "inventory.coverage", "inventory.findings", "inventory.news", "inventory.servers", "inventory.unowned",
                "inventory.unreviewed", "policy.would_deny", "traffic.missing", "traffic.recorded",
            ]
        )
    }

    @Test func whatChangesTheWorldSaysSo() {
        let changing = Self.actions.filter { $0.effect == .change }
        #expect(
            changing.map(\.name.text) == [
                "exec.run", "gateway.canary", "gateway.deploy", "gateway.mode", "gateway.restore", "inventory.assign",
                "inventory.export", "policy.deploy", "policy.export", "policy.mine", "policy.release",
                "policy.unexport", "report.progress", "traffic.import", "traffic.record",
            ]
        )
        #expect(
            changing.filter(\.isAdditive).map(\.name.text) == [
                "gateway.canary", "gateway.deploy", "gateway.restore", "inventory.export", "policy.export",
                "policy.mine", "policy.release", "policy.unexport", "report.progress", "traffic.import",
                "traffic.record",
            ]
        )
        #expect(Self.actions.filter { $0.effect == .read && $0.isAdditive }.isEmpty)
    }

    @Test(arguments: actions.map(\.name.text))
    func aSchemaIsWellFormed(_ name: String) throws {
        let schema = try #require(shipped.actions[ActionName(name)]?.schema)
        #expect(schema.version >= 1)
        #expect(!schema.summary.isEmpty && !schema.summary.hasSuffix("."))
        #expect(Set(schema.parameters.map(\.name)).count == schema.parameters.count)
        #expect(Set(schema.outputs.map(\.name)).count == schema.outputs.count)
        for parameter in schema.parameters {
            #expect(!parameter.summary.isEmpty && !parameter.summary.hasSuffix("."), "\(parameter.name)")
            if parameter.isSecret { #expect(parameter.type == .string) }
            if parameter.items != nil { #expect(parameter.type == .list) }
            if parameter.range != nil { #expect(parameter.type == .integer) }
            if parameter.isName || parameter.refersTo != nil { #expect(parameter.type == .string) }
            if !parameter.allowed.isEmpty { #expect([.string, .list].contains(parameter.type)) }
            if parameter.type == .list {
                #expect(parameter.items != nil || parameter.rule != nil, "what the elements of \(parameter.name) are")
            }
        }
    }

    /// A value of the wrong type for each type.
    private static func wrong(_ type: ValueType) -> String {
        switch type {
        case .list, .map, .integer, .number, .boolean, .duration, .timestamp: "\"not that\""
        case .string, .artifact: "[1]"
        }
    }

    @Test(arguments: parameters.map { [$0.0.name.text, $0.1.name] })
    func aValueOfTheWrongTypeIsRefused(_ names: [String]) throws {
        let schema = try #require(shipped.actions[ActionName(names[0])]?.schema)
        let parameter = try #require(schema.parameters.first { $0.name == names[1] })
        let found = lint("  - {id: a, uses: \(names[0]), with: {\(names[1]): \(Self.wrong(parameter.type))}}")
        let codes: Set = ["playbook.wrong-type", "playbook.invalid-duration"]
        let place = found.first { codes.contains($0.code) }?.place
        #expect(place?.line == 7, "\(found.map(\.line))")
    }

    @Test(arguments: parameters.filter { $0.1.isRequired }.map { [$0.0.name.text, $0.1.name] })
    func whatIsRequiredIsMissed(_ names: [String]) {
        let found = lint("  - {id: a, uses: \(names[0])}")
        #expect(found.contains { $0.code == "playbook.missing-parameter" && $0.message.contains("`\(names[1])`") })
    }

    @Test(arguments: parameters.map { [$0.0.name.text, $0.1.name] })
    func aSlipOfThePenIsNamed(_ names: [String]) {
        let found = lint("  - {id: a, uses: \(names[0]), with: {\(names[1])x: \"${{ run.id }}\"}}")
        let fault = found.first { $0.code == "playbook.unknown-parameter" }
        #expect(fault?.help == "did you mean `\(names[1])`?", "\(found.map(\.line))")
    }

    @Test(arguments: parameters.filter { !$0.1.isSecret }.map { [$0.0.name.text, $0.1.name] })
    func secretsGoNowhereElse(_ names: [String]) {
        let steps = "  - {id: a, uses: \(names[0]), with: {\(names[1]): \"${{ secrets.token }}\"}}"
        #expect(lint(steps).contains { $0.code == "playbook.secret-placement" }, "\(lint(steps).map(\.line))")
    }

    @Test(arguments: parameters.filter { !$0.1.allowed.isEmpty }.map { [$0.0.name.text, $0.1.name] })
    func everyAllowedWordIsAcceptedAndNoOther(_ names: [String]) throws {
        let schema = try #require(shipped.actions[ActionName(names[0])]?.schema)
        let parameter = try #require(schema.parameters.first { $0.name == names[1] })
        func faults(_ word: String) -> [Diagnostic] {
            let value = parameter.type == .list ? "[\(word)]" : word
            return lint("  - {id: a, uses: \(names[0]), with: {\(names[1]): \(value)}}")
                .filter { $0.code == "playbook.invalid-value" }
        }
        for word in parameter.allowed { #expect(faults(word).isEmpty, "\(word)") }
        #expect(faults(parameter.allowed[0] + "x").first?.help == "did you mean `\(parameter.allowed[0])`?")
    }

    @Test func theSchemaForEditorsHasEveryParameter() {
        let definitions = EditorSchema(shipped).json["$defs"]?.object ?? [:]
        for schema in Self.actions {
            let known = definitions["with-\(schema.name)"]?["properties"]?.object ?? [:]
            #expect(known.map(\.key).sorted() == schema.parameters.map(\.name).sorted(), "\(schema.name)")
        }
    }
}
