import Core
import Growth
import Ledger
import Testing

private let time = Timestamp(seconds: 1_700_000_000)

private func tool(_ name: String, _ description: String) -> Definition {
    let body: JSON.Value = ["name": .string(name), "description": .string(description)]
    return Definition(kind: .tool, name: name, body: body, digest: .sha256(JSON.canonical(body)))
}

private func sighting(_ name: String, key: String, _ tools: [Definition]? = nil) -> Sighting {
    Sighting(
        source: "network",
        location: "here",
        canonicalKey: key,
        name: name,
        transport: .streamableHTTP,
        url: key,
        description: tools.map { ServerDescription(name: name, definitions: $0) }
    )
}

@Suite struct InventoryTests {
    private let ledger: Ledger

    init() throws {
        ledger = try Ledger.inMemory()
    }

    @discardableResult
    private func record(_ sightings: [Sighting], key: String, label: String = "look") throws -> ScanSummary {
        try ledger.record(SurveyResult(sightings: sightings), key: key, label: label, at: time)
    }

    @Test(arguments: [
        (["python3", "/srv/s.py", "--db", "sales"], ["s"]), (["python3", "/srv/s.py"], ["s", "s-2"]),
        (["python3", "/srv/s.py", "--db", "people"], ["s", "s-2"]),
    ])
    func aRowFollowsItsScriptToTheKeyWithArguments(_ stored: [String], _ ids: [String]) throws {
        var old = sighting("s", key: "stdio:h/script:/srv/s.py")
        old.command = stored
        _ = try record([old], key: "1")
        var new = sighting("s", key: "stdio:h/script:/srv/s.py#0123")
        new.command = ["python3", "/srv/s.py", "--db", "sales"]
        new.former = Sighting.FormerKey(key: old.canonicalKey, arguments: ["--db", "sales"])
        _ = try record([new], key: "2")
        let servers = try ledger.servers()
        #expect(servers.map(\.id.text).sorted() == ids)
        #expect(servers.contains { $0.canonicalKey == new.canonicalKey })
    }

    @Test func joinsSightingsOfOneServerByItsCanonicalKey() throws {
        try record([sighting("hr", key: "http://a/mcp"), sighting("people", key: "http://a/mcp")], key: "1")
        let servers = try ledger.servers()
        #expect(servers.map(\.id) == ["hr"])
        #expect(servers.first?.aliases == ["people"])
        #expect(try ledger.server("people")?.id == "hr")
    }

    @Test func givesEachServerASlugOfItsOwn() throws {
        try record(
            [sighting("HR API!", key: "a"), sighting("hr-api", key: "b"), sighting("§§", key: "c")],
            key: "1"
        )
        #expect(try ledger.servers().map(\.id) == ["hr-api", "hr-api-2", "server"])
    }

    @Test func aThousandServersOfOneNameDoNotLookAtEachOther() throws {
        try record((1...1000).map { sighting("same", key: "k\($0)") }, key: "1")
        let servers = try ledger.servers().map(\.id.text)
        #expect(Set(servers).count == 1000)
        #expect(Set(servers) == Set(["same"] + (2...1000).map { "same-\($0)" }))
        // Each looking at all would take 64 times as long.
        let growth = try Growth.ratio(small: 125, large: 1000, enough: 16) { count in
            let ledger = try Ledger.inMemory()
            let seen = (1...count).map { sighting("same", key: "k\($0)") }
            _ = try ledger.record(SurveyResult(sightings: seen), key: "1", label: "look", at: time)
        }
        #expect(growth < 32)
    }

    @Test func recordsAScanOfOneKeyOnce() throws {
        let first = try record([sighting("a", key: "k", [tool("t", "1")])], key: "same")
        let again = try record([sighting("b", key: "other")], key: "same")
        #expect(first == again)
        #expect(try ledger.servers().count == 1)
        #expect(first.added == ["a"])
    }

    @Test func aChangedDefinitionIsAFindingThatStays() throws {
        try record([sighting("a", key: "k", [tool("t", "reads")])], key: "1")
        let quiet = try record([sighting("a", key: "k", [tool("t", "reads")])], key: "2")
        #expect(quiet.findings.isEmpty)
        let changed = try record([sighting("a", key: "k", [tool("t", "deletes")])], key: "3")
        #expect(changed.findings.map(\.code) == ["definition.changed"])
        #expect(changed.findings.first?.severity == .high)
        // The next look sees nothing new, and still nobody has accepted the change.
        try record([sighting("a", key: "k", [tool("t", "deletes")])], key: "4")
        #expect(try ledger.openFindings().map(\.finding.subject) == ["a/t"])
    }

    @Test func goingBackToAnOldDefinitionIsAChangeToo() throws {
        for (number, text) in ["x", "y", "x"].enumerated() {
            let summary = try record([sighting("a", key: "k", [tool("t", text)])], key: "\(number)")
            #expect(summary.findings.count == (number == 0 ? 0 : 1))
        }
    }

    @Test func findingsHoldUntilALookOfTheirKindCoversTheirPlace() throws {
        func secret(_ file: String) -> Finding {
            Finding(code: "inline-secret", severity: .high, subject: "\(file)#x", message: "m", place: file)
        }
        func look(_ covered: Set<String>, _ key: String, _ label: String = "files") throws -> [String] {
            _ = try ledger.record(SurveyResult(covered: covered), key: key, label: label, at: time)
            return try ledger.openFindings().map(\.finding.subject)
        }
        let both = SurveyResult(findings: [secret("/a"), secret("/b")], covered: ["/a", "/b"])
        _ = try ledger.record(both, key: "1", label: "files", at: time)
        // Another folder, a look of another kind: neither has seen the files.
        #expect(try look([], "2") == ["/a#x", "/b#x"])
        #expect(try look(["/c"], "3") == ["/a#x", "/b#x"])
        #expect(try look(["/a"], "4", "network") == ["/a#x", "/b#x"])
        #expect(try look(["/a"], "5") == ["/b#x"])
        #expect(try ledger.placesOfFindings(label: "files") == ["/a", "/b"])
    }

    @Test func aLookThatCouldNotReadTheToolsEndsNoFindingAboutThem() throws {
        let poisoned = Finding(code: "tool.poisoned", severity: .critical, subject: "a/t", message: "m")
        let seen = sighting("a", key: "k", [tool("t", "1")])
        let found = SurveyResult(sightings: [seen], findings: [poisoned])
        _ = try ledger.record(found, key: "1", label: "discovery.network", at: time)
        var shut = seen
        shut.description?.definitions = []
        shut.description?.areToolsKnown = false
        try record([shut], key: "2", label: "discovery.network")
        #expect(try ledger.openFindings().map(\.finding.subject) == ["a/t"])
        try record([seen], key: "3", label: "discovery.probe")
        #expect(try ledger.openFindings().isEmpty)
    }

    @Test func aServerThatTheLastLookMissedIsNotCoveredUntilItAnswersAgain() throws {
        let seen = sighting("a", key: "k", [tool("t", "1")])
        try record([seen], key: "1")
        let before = try ledger.servers()
        #expect(before.map(\.isCovered) == [true])
        let missed = SurveyResult(missed: [
            .init(canonicalKey: "k", reason: "refused"), .init(canonicalKey: "z", reason: ""),
        ])
        _ = try ledger.record(missed, key: "2", label: "look", at: time)
        let after = try ledger.servers()
        #expect(after.map(\.isCovered) == [false])
        #expect(after.first?.unreached?.words == "last look on \(time) could not reach it: refused")
        #expect(after.first.flatMap { InventoryServer(json: $0.json) } == after.first)
        let difference = InventoryDifference(from: before, to: after)
        #expect(difference.changed.map(\.aspect) == ["last look"])
        #expect(difference.news == 0)
        try record([seen], key: "3")
        #expect(try ledger.servers().map(\.isCovered) == [true])
    }

    @Test func aLookThatDidNotSeeTheServerEndsNoFinding() throws {
        let poisoned = Finding(code: "tool.poisoned", severity: .critical, subject: "a/t", message: "m", evidence: "e")
        let seen = sighting("a", key: "k", [tool("t", "1")])
        func look(_ result: SurveyResult, _ key: String, _ label: String) throws -> [String] {
            _ = try ledger.record(result, key: key, label: label, at: time)
            return try ledger.openFindings().map(\.finding.subject)
        }
        let found = SurveyResult(sightings: [seen], findings: [poisoned])
        #expect(try look(found, "1", "discovery.network") == ["a/t"])
        // Other ports, a server that did not answer, and a look of another kind all say nothing about it.
        #expect(try look(SurveyResult(), "2", "discovery.network") == ["a/t"])
        #expect(try look(SurveyResult(sightings: [sighting("a", key: "k")]), "3", "discovery.network") == ["a/t"])
        #expect(try look(SurveyResult(sightings: [seen]), "4", "discovery.configurations") == ["a/t"])
        #expect(try look(SurveyResult(sightings: [seen]), "5", "discovery.probe") == [])
    }

    @Test func theLedgerOfAnInventoryPassesSQLitesOwnCheck() throws {
        let finding = Finding(code: "c", severity: .low, subject: "k", message: "m", evidence: "e")
        _ = try ledger.record(
            SurveyResult(sightings: [sighting("a", key: "k", [tool("t", "1")])], findings: [finding]),
            key: "1",
            label: "look",
            at: time
        )
        #expect(try ledger.integrityCheck().isEmpty)
    }

    @Test func aServerThatDoesNotAnswerKeepsWhatItSaid() throws {
        try record([sighting("a", key: "k", [tool("t", "1")])], key: "1")
        try record([sighting("a", key: "k")], key: "2")
        #expect(try ledger.server("a")?.description?.definitions.map(\.name) == ["t"])
    }

    @Test func comparesSnapshots() throws {
        try record([sighting("a", key: "k", [tool("t", "1")]), sighting("b", key: "l")], key: "1")
        _ = try ledger.snapshot(named: "first", at: time)
        try record([sighting("a", key: "k", [tool("t", "2"), tool("u", "1")]), sighting("c", key: "m")], key: "2")
        try ledger.assign("b", owner: "user:ana", criticality: .low)
        _ = try ledger.snapshot(named: "second", at: time)
        let before = try #require(try ledger.snapshot("first"))
        let after = try #require(try ledger.snapshot("second"))
        let difference = InventoryDifference(from: before, to: after)
        #expect(difference.added == ["c"])
        #expect(difference.removed.isEmpty)
        #expect(
            difference.changed.map { "\($0.server) \($0.aspect)" }
                == ["a definition tool/t", "a definition tool/u", "b owner", "b criticality"]
        )
        // The new server and the changed one; who answers for a server is no news.
        #expect(difference.news == 2)
        #expect(try ledger.snapshot("third") == nil)
    }

    @Test func aSnapshotOfOneNameIsTakenOnce() throws {
        try record([sighting("a", key: "k")], key: "1")
        let first = try ledger.snapshot(named: "s", at: time)
        try record([sighting("b", key: "l")], key: "2")
        #expect(try ledger.snapshot(named: "s", at: time).digest == first.digest)
        #expect(try ledger.snapshot("s")?.count == 1)
    }

    @Test func refusesOwnersForServersThatAreNotThere() {
        #expect(throws: LedgerError.self) { try ledger.assign("nobody", owner: "user:ana", criticality: nil) }
    }

    @Test func exceptionsEndAndStayInTheList() throws {
        let exception = Exception(
            id: "x",
            scope: "finding:f",
            owner: "user:ana",
            reason: "r",
            createdBy: "ana",
            created: time,
            expires: time + .seconds(10)
        )
        try ledger.add(exception)
        #expect(throws: LedgerError.self) { try ledger.add(exception) }
        try ledger.extend(exception: "x", to: time + .seconds(20))
        #expect(try ledger.exceptions().first?.isActive(at: time + .seconds(15)) == true)
        try ledger.close(exception: "x", at: time)
        #expect(try ledger.exceptions().first?.isActive(at: time) == false)
        #expect(throws: LedgerError.self) { try ledger.close(exception: "x", at: time) }
    }
}
