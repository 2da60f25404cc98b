import Core
import Testing
import Workspace

private let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ41JolYSM1uQE4ii1oJKsIRy0V+tZJ0P+RKNwQmJYuI ana"

private func read(_ text: String) throws(InvalidInput) -> Configuration {
    try Configuration.read(Array(text.utf8), file: "lockstep.yaml")
}

@Suite struct ConfigurationTests {
    private let head = "apiVersion: lockstep/v1\nkind: Workspace\n"

    @Test func readsPeopleGroupsServersAndHooks() throws {
        let configuration = try read(
            head + """
                organisation: Acme
                people:
                  ana: {name: Ana Silva, os-user: ana}
                  ben: {}
                groups:
                  security-leads: [ana, ben]
                servers:
                  hr: {url: "https://hr.example/mcp", aliases: [people-api], owner: "user:ana", criticality: high}
                hooks:
                  deploy: {command: [/usr/bin/true], timeout: 5s, environment: [REGION]}
                retention: {recordings: 7d}
                """
        )
        #expect(configuration.people.map(\.id.text) == ["ana", "ben"])
        #expect(configuration.members(of: "group:security-leads") == ["ana", "ben"])
        #expect(configuration.members(of: "user:ben") == ["ben"])
        #expect(configuration.members(of: "ben").isEmpty)
        #expect(configuration.servers.first?.criticality == .high)
        #expect(configuration.hooks.first?.timeout == .seconds(5))
        #expect(configuration.recordingRetention == .seconds(7 * 86_400))
        #expect(!configuration.allowsUnauthenticatedVotes)
    }

    /// What `init` shows as an example is a server once the comment signs are gone, and not before.
    @Test func theExampleOfTheFirstFileReadsWhenItIsUncommented() throws {
        let person = Configuration.Person(id: "ana", name: "Ana", keys: [key], osUser: "ana")
        let first = WorkspaceInit(folder: WorkspaceFolder(root: "/nowhere"), rehearsalFactor: nil, person: person).text
        #expect(try read(first).servers.isEmpty)
        let lines = first.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex { $0 == "# servers:" })
        let end = try #require(lines.firstIndex { $0 == "servers: {}" })
        let example = lines[start..<end].map { $0.dropFirst(2) }
        let configuration = try read((lines[..<start] + example + lines[(end + 1)...]).joined(separator: "\n"))
        let server = try #require(configuration.servers.first)
        #expect(server.id == "books-api" && server.aliases == ["books", "mcp-books-prod"])
        #expect(server.owner == "group:security-leads" && server.criticality == .high)
        #expect(server.fields == ["pay_invoice/iban": "payment"])
    }

    @Test func keysThatSignNoMoreAreKeptApart() throws {
        let configuration = try read(head + "people: {ana: {retired-keys: ['\(key)']}}")
        #expect(configuration.people.first?.keys == [])
        #expect(configuration.people.first?.retiredKeys == [key])
    }

    @Test(arguments: ["hooks: {x: /bin/true}", "hooks: {x: {run: a}}", "hooks: {x: {command: [true-ish]}}"])
    func aMistakeInAHookShowsItsWholeForm(_ text: String) throws {
        let error = #expect(throws: InvalidInput.self) { try read(head + text) }
        let help = error?.diagnostics.first?.help ?? ""
        #expect(help.contains("x: {command: [/usr/local/bin/x, --quiet], timeout: 60s, environment: [HOME]}"))
    }

    struct Mistake: Sendable, CustomTestStringConvertible {
        var text: String
        var code: String
        var line: Int
        var testDescription: String { code }
    }

    @Test(arguments: [
        Mistake(text: "peopel: {}", code: "workspace.unknown-key", line: 3),
        Mistake(text: "groups: {leads: [nobody]}", code: "workspace.unknown-person", line: 3),
        Mistake(text: "people: {ana: {keys: [rubbish]}}", code: "workspace.invalid-key", line: 3),
        Mistake(text: "hooks: {x: {command: [true-ish]}}", code: "workspace.invalid-value", line: 3),
        Mistake(text: "hooks: {revoke-token: {command: [/bin/true]}}", code: "workspace.invalid-value", line: 3),
        Mistake(text: "hooks: {x: {timeout: 5s}}", code: "workspace.missing-key", line: 3),
        Mistake(text: "hooks: {x: /bin/true}", code: "workspace.wrong-type", line: 3),
        Mistake(
            text: "people: {ana: {keys: ['\(key)'], retired-keys: ['\(key)']}}",
            code: "workspace.retired-key",
            line: 3
        ),
        Mistake(
            text: "people: {ana: {keys: ['\(key)']}, ben: {retired-keys: ['\(key)']}}",
            code: "workspace.shared-key",
            line: 3
        ),
        Mistake(text: "people: {\"a b\": {}}", code: "workspace.invalid-value", line: 3),
        Mistake(text: "people: {ana: {}}\ngroups: {g: [ana, ana]}", code: "workspace.duplicate-member", line: 4),
        Mistake(text: "retention: {recordings: 30 days}", code: "workspace.invalid-value", line: 3),
        Mistake(text: "unauthenticated-votes: yes", code: "yaml.ambiguous-scalar", line: 3),
        Mistake(text: "people: {ana: {}, ana: {}}", code: "yaml.duplicate-key", line: 3),
        Mistake(text: "servers: {hr: {criticality: hihg}}", code: "workspace.invalid-value", line: 3),
        Mistake(text: "releases: [ana]", code: "workspace.wrong-type", line: 3),
        Mistake(text: "releases: {min: 1}", code: "workspace.missing-key", line: 3),
        Mistake(text: "releases: {approvers: []}", code: "workspace.invalid-value", line: 3),
        Mistake(text: "releases: {approvers: [leads]}", code: "workspace.unknown-approver", line: 3),
        Mistake(
            text: "people: {ana: {}}\nreleases: {approvers: [user:ana, user:bob]}",
            code: "workspace.unknown-approver",
            line: 4
        ),
        Mistake(
            text: "people: {ana: {}}\nreleases: {approvers: [user:ana], min: 0}",
            code: "workspace.invalid-value",
            line: 4
        ),
        Mistake(
            text: "people: {ana: {}}\nreleases: {approvers: [user:ana], min: 2}",
            code: "workspace.invalid-value",
            line: 4
        ),
        Mistake(
            text: "people: {ana: {}}\nreleases: {approvers: [user:ana], mni: 1}",
            code: "workspace.unknown-key",
            line: 4
        ),
        Mistake(
            text: "people: {ana: {}}\nreleases: {approvers: [user:ana], distinct-from: [user:ana]}",
            code: "workspace.invalid-value",
            line: 4
        ),
    ])
    func saysWhatIsWrong(_ mistake: Mistake) throws {
        let error = #expect(throws: InvalidInput.self) { try read(head + mistake.text) }
        let first = try #require(error?.diagnostics.first)
        #expect(first.code == mistake.code)
        #expect(first.place?.line == mistake.line)
    }

    @Test func aReleaseNeedsASecurityLeadWhoDidNotStartTheRunUnlessSaidOtherwise() throws {
        let people = "people: {ana: {}, ben: {}}\n"
        #expect(try read(head + people).releaseRule == .init(approvers: []))
        let leads = people + "groups: {security-leads: [ana, ben]}\n"
        #expect(try read(head + leads).releaseRule == .init(approvers: ["group:security-leads"]))
        let written =
            leads + "releases: {approvers: [group:security-leads], min: 2, distinct-from: [], longest-days: 30}\n"
        #expect(
            try read(head + written).releaseRule
                == .init(approvers: ["group:security-leads"], minimum: 2, excludesStarter: false, longestDays: 30)
        )
    }

    @Test func refusesOneKeyForTwoPeople() throws {
        let text = head + "people:\n  ana: {keys: [\"\(key)\"]}\n  ben: {keys: [\"\(key)\"]}\n"
        let error = #expect(throws: InvalidInput.self) { try read(text) }
        #expect(error?.diagnostics.map(\.code) == ["workspace.shared-key"])
    }

    @Test func refusesAnotherKindOrVersionAndAnEmptyFile() {
        #expect(throws: InvalidInput.self) { try read("") }
        #expect(throws: InvalidInput.self) { try read("apiVersion: lockstep/v2\nkind: Workspace\n") }
        #expect(throws: InvalidInput.self) { try read("apiVersion: lockstep/v1\nkind: Playbook\n") }
    }

    @Test func namesEveryChangeOfTheFileByItsDigest() throws {
        #expect(try read(head).digest != read(head + "# a comment\n").digest)
    }
}
