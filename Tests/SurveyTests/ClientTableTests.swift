import Core
import Foundation
import Testing

@testable import Survey

struct Expected: Codable, Sendable {
    var client: String
    var name: String
    var key: String?
    var transport: String
}

@Suite struct ClientTableTests {
    static let expected: [String: [Expected]] = {
        let data = (try? Data(contentsOf: Samples.cases.appending(path: "expected.json"))) ?? Data()
        return (try? JSONDecoder().decode([String: [Expected]].self, from: data)) ?? [:]
    }()

    @Test(arguments: expected.keys.sorted().filter { $0 != "machine" })
    func findsTheServersOfEachClientsSample(_ name: String) throws {
        let result = Samples.survey(Samples.homes.appending(path: name).path)
        try check(result, name)
    }

    @Test func findsTheServersThatAnAdministratorGives() throws {
        let root = Samples.homes.appending(path: "machine").path
        let result = ConfigurationSurvey(
            homes: [],
            machineRoot: root,
            host: "test-host",
            digest: Samples.digest
        ).run()
        try check(result, "machine")
    }

    private func check(_ result: SurveyResult, _ name: String) throws {
        let expected = try #require(Self.expected[name])
        let seen = result.sightings.map { "\($0.client ?? "") \($0.name) \($0.transport.rawValue)" }
        #expect(seen.sorted() == expected.map { "\($0.client) \($0.name) \($0.transport)" }.sorted(), "\(result.gaps)")
        for row in expected where row.key != nil {
            #expect(
                result.sightings.contains {
                    $0.canonicalKey == row.key && $0.client == row.client && $0.name == row.name
                }
            )
        }
        for sighting in result.sightings {
            #expect(sighting.source == "configuration")
            #expect(sighting.location.contains("#"))
        }
    }

    @Test func everyClientOfTheTableHasASample() {
        let sampled = Set(Self.expected.values.joined().map(\.client))
        let missing = ClientTable.clients.filter { !sampled.contains($0) }
        // Its servers are in a database that is not read.
        #expect(missing == ["cherry-studio"])
        #expect(ClientTable.clients.count >= 40)
    }

    @Test(arguments: [
        ("cherry-studio", "database of Cherry Studio"), ("jetbrains", "XML of JetBrains AI Assistant"),
        ("claude-code", "a project outside the folders that were given"),
    ])
    func saysWhatItDoesNotRead(_ name: String, _ reason: String) {
        let result = Samples.survey(Samples.homes.appending(path: name).path)
        #expect(result.gaps.contains { $0.reason.contains(reason) })
    }

    @Test func theSameFilesGiveTheSameResult() {
        let home = Samples.homes.appending(path: "projects").path
        #expect(Samples.survey(home).sightings == Samples.survey(home).sightings)
    }
}
