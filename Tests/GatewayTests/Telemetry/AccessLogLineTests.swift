import Core
import Testing

@testable import Gateway

@Suite struct AccessLogLineTests {
    private func line(_ change: (inout RequestEvent) -> Void) -> String {
        var event = RequestEvent()
        change(&event)
        var bytes: [UInt8] = []
        AccessLogLine.append(event, gateway: "edge-1", to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `a line has its members in their order and no others`() {
        let line = line { event in
            event.time = Timestamp(seconds: 1_700_000_000)
            (event.peer, event.verb, event.route, event.server) = ("127.0.0.1", "POST", "/files", "files")
            event.principal = CallRecord.Principal(id: "alice", kind: .jwt)
            (event.method, event.name, event.verdict, event.rule) = ("tools/call", "read_file", .deny, "files.read")
            (event.reason, event.status, event.fault) = ("value", 200, "40301")
            (event.decideTime, event.wholeTime, event.bytesIn, event.bytesOut) = (42_900, 1_500_000, 300, 200)
            event.trace = TraceContext("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            event.arguments = ["path": "/etc/shadow"]
        }
        #expect(
            line == """
                {"time":"2023-11-14T22:13:20.000Z","gateway":"edge-1","peer":"127.0.0.1","verb":"POST","route":"/files",\
                "server":"files","principal":"alice","identity":"jwt","method":"tools/call","tool":"read_file",\
                "decision":"deny","reason":"value","rule":"files.read","mode":"enforce","status":200,"error":"40301",\
                "decide_us":42,"duration_us":1500,"bytes_in":300,"bytes_out":200,\
                "trace":"4bf92f3577b34da6a3ce929d0e0e4736"}

                """
        )
    }

    @Test(arguments: [
        ("a\nb", #"a\u000ab"#), ("a\"b\\c", #"a\"b\\c"#), ("\u{1B}[2J", #"\u001b[2J"#), ("\u{7F}", #"\u007f"#),
        ("\u{85}", #"\u0085"#), ("\u{202E}x", #"\u202ex"#), ("\u{2028}", #"\u2028"#), ("\u{E0041}", #"\udb40\udc41"#),
        ("\u{0}", #"\u0000"#), ("straße 部品 📦", "straße 部品 📦"), ("é\"\n", #"é\"\u000a"#),
    ])
    func `what a terminal or a reader of lines would obey is an escape`(_ name: String, _ expected: String) throws {
        let line = line { $0.name = name }
        #expect(line.contains("\"tool\":\"\(expected)\""), "\(line)")
        #expect(line.utf8.count { $0 == 0x0A } == 1)
        #expect(try JSON.parse(line)["tool"]?.string == name)
    }

    @Test func `a long name is cut where a character ends or is replaced`() throws {
        let line = line { $0.name = String(repeating: "é", count: 5_000) + "x" }
        #expect(line.utf8.count < 1_000)
        #expect(try JSON.parse(line)["tool"]?.string?.utf8.count == 512)
        let odd = self.line { $0.name = "x" + String(repeating: "é", count: 5_000) }
        #expect(try JSON.parse(odd)["tool"]?.string?.hasPrefix("xé") == true)
    }
}

@Suite struct HistogramTests {
    @Test(arguments: [(Int64(-5), 0), (0, 0), (10_000_000, 0), (10_000_001, 1), (20_000_000, 1), (400_000_000_000, 14)])
    func `a duration is counted under the bound that it does not exceed`(_ time: Int64, _ slot: Int) {
        var histogram = Histogram(Histogram.operation)
        histogram.add(nanoseconds: time)
        #expect(histogram.counts.firstIndex(of: 1) == slot)
        #expect(histogram.count == 1)
    }

    @Test func `names of strangers do not fill the memory`() {
        var metrics = RequestMetrics()
        for number in 0..<5_000 {
            var event = RequestEvent()
            (event.route, event.method, event.name) = ("/a", "tools/call", "tool-\(number)")
            event.verdict = number % 2 == 0 ? .allow : .deny
            metrics.add(event)
        }
        #expect(metrics.operations.count <= RequestMetrics.mostOperations + 1)
        #expect(metrics.operations.values.reduce(0) { $0 + $1.count } == 5_000)
        #expect(metrics.routes["/a"]?.verdicts.reduce(0, +) == 5_000)
    }

    @Test func `a full ring loses events and counts all of them`() {
        let notes = LoopNotes()
        var kept = 0
        for _ in 0..<(LoopNotes.capacity + 10) where notes.add(RequestEvent(), isKept: true) { kept += 1 }
        #expect(kept == LoopNotes.capacity)
        #expect(notes.count == kept)
        for _ in 0..<3 {
            var taken = 0
            notes.drain { taken += $0.count }
            #expect(taken == kept)
            #expect(notes.count == 0)
            kept = notes.add(RequestEvent(), isKept: true) ? 1 : 0
        }
        #expect(notes.metrics.routes[""]?.verdicts.reduce(0, +) == UInt64(LoopNotes.capacity + 13))
    }
}
