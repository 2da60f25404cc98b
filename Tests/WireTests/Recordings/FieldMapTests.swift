import Core
import Testing
import Wire

private let map = FieldMap(
    tool: ["tool"],
    time: ["when"],
    server: ["server"],
    principal: ["agent.id"],
    principalKind: .gateway,
    conversation: ["chat"],
    task: ["task"],
    arguments: ["args"],
    argumentPrefix: "arg_",
    result: ["result"],
    outcome: ["ok"],
    outcomes: ["true": .ok, "false": .toolError, "1": .ok]
)

@Suite struct FieldMapTests {
    @Test(arguments: [
        (
            #"{"tool":"t","when":1785578400,"server":"s","agent":{"id":"a"},"args":{"x":1},"ok":true}"#,
            [#"unmapped:s/t {"x":1} ok gateway:a"#]
        ),
        (
            #"{"tool":"t","when":"1785578400123","agent.id":"a","args":"{\"x\":1}","ok":false}"#,
            [#"unmapped:unnamed/t {"x":1} tool_error gateway:a"#]
        ),
        (#"{"tool":"mcp__s__t","arg_x":1,"arg_y":""}"#, [#"unmapped:s/t {"x":1} ok unknown:unknown"#]),
        (#"{"tool":"t","when":"noon"}"#, []),
        (#"{"tool":""}"#, []),
        (#"[1]"#, []),
    ])
    func readsFlatLines(_ line: String, _ expected: [String]) {
        var importer = map.importer(ImportSettings())
        #expect(shown(run(&importer, line)) == expected)
    }

    @Test(arguments: [1, 5, 1000])
    func readsCommaSeparatedValues(_ pieces: Int) {
        let text =
            "\u{FEFF}tool,when,server,arg_note,ok\r\n" + "t,2026-03-01T10:00:00Z,s,\"a, \"\"b\"\"\nc\",true\r\n"
            + "u,2026-03-01T10:00:01Z,s,,1\n" + "short,row\n" + "v,2026-03-01T10:00:02Z,s,x,true"
        var importer = map.csvImporter(ImportSettings())
        let recording = run(&importer, text, pieces: pieces)
        #expect(
            shown(recording) == [
                #"unmapped:s/t {"note":"a, \"b\"\nc"} ok unknown:unknown"#, "unmapped:s/u {} ok unknown:unknown",
                #"unmapped:s/v {"note":"x"} ok unknown:unknown"#,
            ]
        )
        #expect(reasons(recording) == ["5:row.columns"])
    }

    @Test(arguments: [
        (
            ["tool=action,time=at,principal=who"], "action,at,who,arg_q",
            "unmapped:unnamed/t {\"q\":\"x\"} ok declared:ann"
        ),
        (
            ["tool=action", "time=at", "argument-prefix=in."], "action,at,who,in.q",
            "unmapped:unnamed/t {\"q\":\"x\"} ok unknown:unknown"
        ),
        (
            ["tool=none,tool=action,time=at,argument-prefix="], "action,at,who,arg_q",
            "unmapped:unnamed/t ? ok unknown:unknown"
        ),
    ])
    func aMapCanBeDeclared(_ declarations: [String], _ header: String, _ expected: String) throws {
        var importer = try FieldMap(declarations: declarations).csvImporter(ImportSettings())
        #expect(shown(run(&importer, "\(header)\nt,2026-03-01T10:00:00Z,ann,x\n")) == [expected])
    }

    @Test(arguments: [
        (["tool"], FieldMap.DeclarationFault.noPair("tool")), (["tol=x"], .unknownKey("tol")),
        (["tool="], .emptyColumn("tool")),
        ([""], .noPair("")),
    ])
    func aMapThatIsNoneIsRefused(_ declarations: [String], _ fault: FieldMap.DeclarationFault) {
        #expect(throws: fault) { try FieldMap(declarations: declarations) }
    }

    @Test func twoColumnsOfOneNameAreNoTable() {
        let text = "tool,arg_a,when,arg_a\nt,1,2026-03-01T10:00:00Z,2\n"
        var importer = map.csvImporter(ImportSettings())
        let recording = run(&importer, text, pieces: 3)
        #expect(recording.calls.isEmpty)
        #expect(recording.report.quarantined == [.repeatedColumn(2, 4): 1])
    }

    @Test(arguments: [" ", "\u{200B}", "\u{7F}"]) func aNameWithNothingToSeeIsNone(_ name: String) {
        let text = "tool,when,principal\n\(name),2026-03-01T10:00:00Z,ann\nt,2026-03-01T10:00:01Z,ann\n"
        var importer = map.csvImporter(ImportSettings())
        let recording = run(&importer, text)
        #expect(recording.calls.map(\.tool) == ["t"])
        #expect(reasons(recording) == ["2:tool.name"])
    }

    @Test func aCommaMayBePartOfAColumn() throws {
        #expect(try FieldMap(declarations: ["tool=name, short,time=at"]).tool == ["name, short"])
    }

    @Test func aQuoteThatIsNeverClosedLosesOneRow() {
        var limits = ImportLimits()
        limits.lineBytes = 50
        let text = "tool,when\nt,\"2026\n" + String(repeating: "x", count: 60) + "\nu,2026-03-01T10:00:01Z\n"
        var importer = map.csvImporter(ImportSettings(limits: limits))
        let recording = run(&importer, text)
        #expect(recording.calls.map(\.tool) == ["u"])
        #expect(reasons(recording) == ["2:line.too-long"])
    }

    /// Layouts: Cloudflare Logpush `mcp_portal_logs`, Langfuse observations, LangSmith runs, Teleport `mcp.session.request`.
    @Test(arguments: [
        (
            "cloudflare-portal",
            #"{"Datetime":"2026-03-01T10:00:00Z","Method":"tools/call","ToolCallName":"find","ServerID":"crm","UserEmail":"ann@example.org","Success":true,"ServerResponseDurationMs":12}"#,
            "unmapped:crm/find ? ok gateway:ann@example.org"
        ),
        (
            "langfuse",
            #"{"id":"o1","traceId":"t","type":"TOOL","name":"find","startTime":"2026-03-01T10:00:00Z","endTime":"2026-03-01T10:00:01Z","input":{"q":1},"output":"none","level":"ERROR","userId":"ann"}"#,
            #"unmapped:unnamed/find {"q":1} tool_error declared:ann"#
        ),
        (
            "langsmith",
            #"{"id":"r1","run_type":"tool","name":"find","start_time":"2026-03-01T10:00:00Z","trace_id":"t","inputs":{"input":"{\"q\":1}"},"outputs":{"output":"none"},"status":"success"}"#,
            #"unmapped:unnamed/find {"q":1} ok unknown:unknown"#
        ),
        (
            "teleport",
            #"{"event":"mcp.session.request","time":"2026-03-01T10:00:00Z","user":"ann","app_name":"crm","sid":"s","success":false,"message":{"method":"tools/call","params":{"name":"find","arguments":{"q":1}}}}"#,
            #"unmapped:crm/find {"q":1} denied gateway:ann"#
        ),
    ])
    func shippedMapsReadTheirFormats(_ name: String, _ line: String, _ expected: String) throws {
        var importer = try #require(FieldMap.shipped[name]).importer(ImportSettings())
        #expect(shown(run(&importer, line)) == [expected])
    }
}

@Suite struct SessionAssemblyTests {
    private func line(_ minute: Int, _ agent: String, _ more: String = "") -> String {
        #"{"tool":"t","when":"2026-03-01T\#(10 + minute / 60):\#(minute % 60 < 10 ? "0" : "")\#(minute % 60):00Z","agent":{"id":"\#(agent)"}\#(more)}"#
    }

    private func sessions(_ lines: [String]) -> [[Int]] {
        var importer = map.importer(ImportSettings())
        let calls = run(&importer, lines.joined(separator: "\n")).calls
        var places: [String: Int] = [:]
        return calls.map { call in
            let place = places[call.session] ?? places.count
            places[call.session] = place
            return [place, Int(call.sequence)]
        }
    }

    @Test func aLongSilenceOfOnePrincipalBeginsASession() {
        let lines = [line(0, "a"), line(5, "b"), line(30, "a"), line(61, "a"), line(62, "b")]
        #expect(sessions(lines) == [[0, 0], [1, 0], [0, 1], [2, 0], [3, 0]])
    }

    @Test func aConversationOrTaskGoesBeforeSilence() {
        let lines = [
            line(0, "a", #","chat":"c""#), line(100, "b", #","chat":"c""#), line(1, "a", #","task":"k""#),
            line(90, "a", #","task":"k""#),
        ]
        #expect(sessions(lines) == [[0, 0], [1, 0], [1, 1], [0, 1]])
    }

    @Test func clocksOutOfOrderAreSorted() {
        #expect(sessions([line(20, "a"), line(0, "a"), line(10, "a")]) == [[0, 0], [0, 1], [0, 2]])
    }

    @Test func aliasesNameServersAndTheRestIsReported() {
        let settings = ImportSettings(
            aliases: ServerAliases(["CRM prod": "crm", "HTTPS://Crm.Example:443/mcp": "crm"])
        )
        let lines = ["CRM prod", "https://crm.example/mcp/", "crm", "billing\u{1}", "unmapped:x"].map {
            #"{"tool":"t","server":\#(JSON.Value.string($0))}"#
        }
        var importer = map.importer(settings)
        let recording = run(&importer, lines.joined(separator: "\n"))
        #expect(recording.calls.map(\.server) == ["crm", "crm", "crm", "unmapped:billing", "unmapped:x"])
        #expect(recording.report.unmapped == ["unmapped:billing": 1, "unmapped:x": 1])
    }

    @Test func secretsAreTokensBeforeAnythingIsKept() throws {
        let tokeniser = Tokeniser { text, name in
            if name == "pin" { return "tok-1" }
            return text.contains("hunter2") ? "tok-2" : nil
        }
        var importer = map.importer(ImportSettings(tokeniser: tokeniser))
        let recording = run(
            &importer,
            #"{"tool":"t","chat":"hunter2","args":{"pin":1234,"deep":[{"hunter2":"hunter2 x"}],"n":5},"result":{"a":"hunter2"}}"#
        )
        let call = try #require(recording.calls.first)
        #expect(JSON.Value.object(call.arguments).description == #"{"deep":[{"tok-2":"tok-2"}],"n":5,"pin":"tok-1"}"#)
        #expect(call.result?.structured == ["a": "tok-2"])
        #expect(call.session == "tok-2")
        #expect(recording.report.notices[.tokenised] == 5)
    }

    @Test func theReportSaysWhatIsMissing() {
        var importer = map.importer(ImportSettings())
        let report = run(&importer, line(0, "a", #","args":{}"#) + "\n" + #"{"tool":"t"}"#).report
        #expect(
            report.gaps == [
                "no principal for 1 of 2 calls, told for 1",
                "no results: no provenance of arguments from earlier results",
                "no task: no rules per task", "no times for 1 of 2 calls, told for 1",
                "no outcomes: failed calls cannot be told apart",
            ]
        )
        #expect(report.sessions == 2)
    }
}
