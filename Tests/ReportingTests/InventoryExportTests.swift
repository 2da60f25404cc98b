import Core
import Reporting
import Testing

@Suite struct InventoryExportTests {
    static func server(
        _ id: String,
        _ transport: Transport = .streamableHTTP,
        url: String? = nil,
        owner: String? = nil,
        description: ServerDescription? = nil
    ) -> InventoryServer {
        InventoryServer(
            id: ServerID(id),
            canonicalKey: url ?? "command:\(id)",
            transport: transport,
            url: url,
            owner: owner,
            description: description,
            firstSeen: Samples.time("2026-03-02T08:06:00Z"),
            lastSeen: Samples.time("2026-03-23T08:06:00Z")
        )
    }

    static func definition(_ name: String, _ kind: Definition.Kind = .tool) -> Definition {
        let body: JSON.Value = ["name": .string(name), "description": .string("what \(name) does")]
        return Definition(kind: kind, name: name, body: body, digest: .sha256(JSON.canonical(body)))
    }

    static var estate: InventoryExport {
        var retail = server(
            "retail-inventory",
            url: "https://mcp.retail.example:8443/mcp?x=%20#a",
            owner: "bo",
            description: ServerDescription(
                name: "retail",
                title: "Retail inventory",
                version: "4.2.0",
                revisions: ["2026-07-28", "2025-11-25"],
                definitions: [definition("lookup"), definition("adjust_stock"), definition("weekly", .prompt)],
                authentication: .oauth(metadata: "https://mcp.retail.example/m", issuers: ["https://id.example"]),
                security: .init(
                    version: "TLSv1.3",
                    certificate: .sha256([1, 2, 3]),
                    isTrusted: true,
                    notAfter: Samples.time("2026-12-01T00:00:00Z")
                )
            )
        )
        retail.aliases = ["retail", "stock, west"]
        retail.criticality = .high
        retail.secrets = [SecretReference(name: "header:Authorization", digest: "hmac-sha256:k1:00")]
        var notes = server("notes", .stdio, owner: "@SUM(1+1)")
        notes.command = ["uvx", "notes-server", "--root", "/srv/notes"]
        notes.locations = ["configuration /home/ana/.cursor/mcp.json", "process 4711"]
        let research = server(
            "research",
            url: "http://10.4.1.17:8080/mcp",
            description: ServerDescription(
                name: "=HYPERLINK(\"http://evil.example\")",
                definitions: [definition("a"), definition("a")],
                authentication: .none,
                security: .init(version: "cleartext"),
                gaps: ["resources/list: timed out"]
            )
        )
        let local = server("model", .unknown, url: "http://[::1]:11434/")
        let odd = server("odd", url: "https://eve:s3cret@host.example/a b<c>")
        return InventoryExport(
            servers: [retail, notes, research, local, odd],
            taken: Samples.time("2026-03-23T14:30:00Z")
        )
    }

    @Test func writesAsReviewed() throws {
        try expectGolden(JSON.pretty(Self.estate.json) + "\n", "inventory.json")
        try expectGolden(Self.estate.csv, "inventory.csv")
        try expectGolden(JSON.pretty(Self.estate.cycloneDX) + "\n", "inventory.cdx.json")
    }

    @Test func writesAnEmptyInventory() throws {
        let export = InventoryExport(servers: [], taken: Samples.time("2026-03-23T14:30:00Z"))
        try expectGolden(JSON.pretty(export.cycloneDX) + "\n", "inventory-empty.cdx.json")
        #expect(export.csv.utf8.split(separator: 10).count == 1)
    }

    @Test func keepsPasswordsOfAddressesOutOfTables() {
        #expect(!Self.estate.csv.contains("s3cret"))
        #expect(!JSON.pretty(Self.estate.json).contains("s3cret"))
        #expect(!JSON.pretty(Self.estate.cycloneDX).contains("s3cret"))
    }

    @Test func theOrderOfServersDoesNotMatter() {
        let servers = ["b", "a", "c"].map { Self.server($0) }
        let time = Samples.time("2026-03-23T14:30:00Z")
        let one = InventoryExport(servers: servers, taken: time)
        let two = InventoryExport(servers: servers.reversed(), taken: time)
        #expect(JSON.pretty(one.cycloneDX) == JSON.pretty(two.cycloneDX))
        #expect(one.csv == two.csv)
        let later = InventoryExport(servers: servers, taken: time + .seconds(1))
        #expect(one.cycloneDX["serialNumber"] != later.cycloneDX["serialNumber"])
    }

    @Test(arguments: [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "\"' =1\""),
        ("  =1", "\"'  =1\""),
        ("\u{A0}=1", "'\u{A0}=1"), ("＝1", "'＝1"), ("\n=1", "\"' =1\""), ("\r@x", "\"' @x\""),
        ("=\u{301}1", "'=\u{301}1"),
        ("a=1", "a=1"), ("a,b", "\"a,b\""), ("say \"hi\"", "\"say \"\"hi\"\"\""), ("a;=1", "\"a;=1\""),
        ("x\r\n=1", "\"x  =1\""),
        ("\"=1", "\"\"\"=1\""), ("\u{202E}x", "⟨U+202E⟩x"), ("", ""), ("ä", "ä"),
    ])
    func cellsAreNeverFormulas(_ text: String, _ expected: String) throws {
        let export = InventoryExport(
            servers: [Self.server("s", owner: text)],
            taken: Samples.time("2026-03-23T14:30:00Z")
        )
        let row = try #require(export.csv.split(separator: "\r\n").last)
        let quoted = expected.hasPrefix("'") ? "\"\(expected)\"" : expected
        #expect(row.contains(",\(quoted),,2026-03-02"), "\(row)")
    }

    @Test(
        arguments: [
            ("https://a.example/mcp", true, true), ("http://localhost:1/", true, false),
            ("http://127.0.0.9/mcp", true, false),
            ("http://[::1]:80/x", true, false), ("http://[2001:db8::7]/", true, true),
            ("http://[1:2:3:4:5:6:7:8]:9/", true, true),
            ("http://[::1::2]/", false, nil), ("http://[1:2:3]/", false, nil), ("http://[::12345]/", false, nil),
            ("https://u:p@a.example/", false, nil),
            ("https://a.example/%zz", false, nil),
            ("https://a.example/[x]", false, nil), ("file:///etc/passwd", false, nil), ("https://", false, nil),
            ("https://a.example/a b", false, nil), ("https://[evil]/", false, nil), ("https://a:port/", false, nil),
            ("https://127.0.0.1.evil.example/", true, true), ("not an address", false, nil),
        ] as [(String, Bool, Bool?)]
    )
    func endpointsAreAddresses(_ url: String, _ isEndpoint: Bool, _ crosses: Bool?) throws {
        let export = InventoryExport(servers: [Self.server("s", url: url)], taken: Samples.time("2026-03-23T14:30:00Z"))
        let service = try #require(export.cycloneDX["services"]?.array?.first)
        #expect((service["endpoints"] != nil) == isEndpoint)
        #expect(service["x-trust-boundary"]?.bool == crosses)
    }

    @Test func referencesAreUnique() throws {
        let description = ServerDescription(
            name: "s",
            definitions: [Self.definition("a"), Self.definition("a"), Self.definition("a#2")]
        )
        let servers = (0..<3).map { _ in Self.server("s", description: description) }
        let export = InventoryExport(servers: servers, taken: Samples.time("2026-03-23T14:30:00Z"))
        var references: [String] = []
        for service in export.cycloneDX["services"]?.array ?? [] {
            references.append(try #require(service["bom-ref"]?.string))
            for inner in service["services"]?.array ?? [] { references.append(try #require(inner["bom-ref"]?.string)) }
        }
        #expect(references.count == 12)
        #expect(Set(references).count == 12)
    }
}
