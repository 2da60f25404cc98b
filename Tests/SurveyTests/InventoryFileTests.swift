import Core
import Inspection
import Testing

@testable import Survey

@Suite struct InventoryFileTests {
    private func read(_ text: String, known: [String: String] = [:]) throws -> InventoryFile {
        try InventoryFile(Array(text.utf8), file: "other.json", digest: Samples.digest) { known[$0] }
    }

    static func server(_ id: String, key: String, url: String? = nil, command: [String] = []) -> JSON.Value {
        InventoryServer(
            id: ServerID(id),
            canonicalKey: key,
            transport: url == nil ? .stdio : .streamableHTTP,
            url: url,
            command: command,
            owner: "user:ana",
            criticality: .high,
            description: ServerDescription(
                name: id,
                definitions: [
                    Definition(kind: .tool, name: "t", body: ["name": "t"], digest: .sha256(Array("lie".utf8)))
                ]
            ),
            firstSeen: Timestamp(seconds: 1),
            lastSeen: Timestamp(seconds: 2)
        ).json
    }

    static func inventory(_ servers: [JSON.Value]) -> String {
        "\(JSON.Value.object(["schema": "lockstep.inventory/1", "servers": .array(servers)]))"
    }

    @Test func takesOurOwnExportAndTrustsNothingInIt() throws {
        let file = try read(
            Self.inventory([
                Self.server("hr", key: "http://x/other", url: "http://ana:hunter22@h.example/mcp?key=abc"),
                Self.server("git", key: "stdio:h/pypi:git", command: ["uvx", "git", "--token", "hunter22"]),
                Self.server("odd", key: "nonsense"), Self.server("again", key: "stdio:h/pypi:git"), 7,
            ])
        )
        #expect(
            file.result.sightings.map(\.canonicalKey) == [
                "http://h.example/mcp", "stdio:h/pypi:git", "unmapped:odd",
            ]
        )
        #expect(file.unmapped == ["odd"])
        #expect(!"\(file.result)".contains("hunter22"))
        #expect(file.result.sightings[1].command == ["uvx", "git", "--token", "<redacted>"])
        let digest = Definition.digest(of: ["name": "t"], kind: .tool)
        #expect(file.result.sightings[0].description?.definitions.map(\.digest) == [digest])
        #expect(file.owners.first?.owner == "user:ana")
        #expect(file.result.gaps.count == 2)
    }

    @Test func takesTheServicesOfCycloneDX() throws {
        let file = try read(
            #"""
            {"bomFormat": "CycloneDX", "specVersion": "1.5", "services": [
              {"name": "hr", "endpoints": ["https://h.example/mcp"], "services": [{"name": "tool"}]},
              {"name": "crm"}, {"name": "unheard of"}, {"endpoints": ["https://a.example/"]},
              {"name": "billing", "endpoints": ["https://b.example/api?token=hunter22"],
               "properties": [{"name": "lockstep:owner", "value": "group:fin"}, {"name": "x", "value": "y"}]}
            ]}
            """#,
            known: ["crm": "https://c.example/mcp"]
        )
        #expect(
            file.result.sightings.map { "\($0.canonicalKey) \($0.kind.rawValue) \($0.name)" } == [
                "https://h.example/mcp mcp hr", "https://c.example/mcp other crm",
                "unmapped:unheard of other unmapped:unheard of", "https://b.example/api other billing",
            ]
        )
        #expect(file.unmapped == ["unheard of"])
        #expect(file.owners.map(\.owner) == ["group:fin"])
        #expect(!"\(file.result)".contains("hunter22"))
    }

    @Test(arguments: [
        ("", "import.json"), ("{", "import.json"), ("[]", "import.format"), ("{}", "import.format"),
        (#"{"schema": "lockstep.inventory/9"}"#, "import.format"),
        (#"{"schema": "lockstep.inventory/1"}"#, "import.servers"),
        (#"{"schema": "lockstep.inventory/1", "servers": {}}"#, "import.servers"),
        (#"{"schema": "lockstep.inventory/1", "schema": "x"}"#, "import.json"),
        (#"{"bomFormat": "CycloneDX", "services": 7}"#, "import.servers"),
        (String(repeating: "[", count: 5000), "import.json"),
    ])
    func refusesWhatIsNoInventory(_ text: String, _ code: String) {
        let error = #expect(throws: InvalidInput.self) { try read(text) }
        #expect(error?.diagnostics.map(\.code) == [code])
    }
}
