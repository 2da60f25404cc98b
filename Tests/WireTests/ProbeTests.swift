import Core
import Testing
import Wire

/// A server as far as a probe can see it.
private struct Peer: Sendable {
    var modern: EraProbe.Answer
    var legacy: EraProbe.Answer = .nothing
    var stream: EraProbe.Answer = .nothing
    var overStream: EraProbe.Answer = .nothing

    func answer(_ question: EraProbe.Question) -> EraProbe.Answer {
        switch question {
        case .discover: modern
        case .initialize(_, .eventStream): overStream
        case .initialize: legacy
        case .openEventStream: stream
        }
    }
}

private func discovered(_ versions: [String]) -> EraProbe.Answer {
    .response(
        JSONRPC.Response(
            id: .integer(1),
            result: [
                "resultType": "complete", "ttlMs": 0, "cacheScope": "public", "capabilities": ["tools": [:]],
                "supportedVersions": .array(versions.map(JSON.Value.string)),
            ]
        )
    )
}

private func initialized(_ version: String) -> EraProbe.Answer {
    .response(
        JSONRPC.Response(
            id: .integer(1),
            result: [
                "protocolVersion": .string(version), "capabilities": [:], "serverInfo": ["name": "s", "version": "1"],
            ]
        )
    )
}

private func failed(_ code: Int64, data: JSON.Value? = nil) -> EraProbe.Answer {
    .response(JSONRPC.Response(id: .integer(1), failure: JSONRPC.Failure(code: code, message: "no", data: data)))
}

private func run(_ probe: EraProbe, _ peer: Peer) -> (report: EraProbe.Report, questions: [EraProbe.Question]) {
    var probe = probe
    var questions: [EraProbe.Question] = []
    while let question = probe.question, questions.count < 100 {
        questions.append(question)
        probe.receive(peer.answer(question))
    }
    return (probe.report, questions)
}

@Suite struct ProbeTests {
    @Test func asksADualEraServerForBothEras() {
        let result = run(.http(), Peer(modern: discovered(["2026-07-28"]), legacy: initialized("2025-11-25")))
        #expect(result.report.revisions == [.v2026_07_28, .v2025_11_25])
        #expect(result.report.eras == [.modern, .legacy])
        #expect(result.report.transports == [.streamableHTTP])
        #expect(result.questions == [.discover(.v2026_07_28, .post), .initialize(offering: .v2025_11_25, .post)])
    }

    @Test(arguments: [
        failed(-32601), failed(-32602), failed(-32600), failed(-32000), failed(1), .status(400), .status(404),
        .status(500), .nothing,
    ])
    func takesAnyErrorThatIsNotModernForLegacy(_ answer: EraProbe.Answer) {
        let result = run(.http(), Peer(modern: answer, legacy: initialized("2025-06-18")))
        #expect(result.report.eras == [.legacy])
        #expect(result.report.revisions == [.v2025_06_18])
        #expect(!result.report.hasModernEvidence)
    }

    @Test(arguments: [-32020, -32021, -32022] as [Int64])
    func takesAModernErrorForAModernServer(_ code: Int64) {
        let result = run(
            .http(),
            Peer(modern: failed(code, data: ["supported": ["2099-01-01"]]), legacy: .status(400))
        )
        #expect(result.report.eras == [.modern])
        #expect(result.report.unknownVersions == ["2099-01-01"])
        #expect(result.report.isModelContextProtocol)
        #expect(!result.questions.contains(.openEventStream))
    }

    @Test func doesNotRepeatAQuestionThatTheServerKeepsRecommending() {
        let refusal = failed(-32022, data: ["supported": ["2026-07-28"]])
        let result = run(.http(), Peer(modern: refusal, legacy: refusal))
        #expect(result.questions.count == 2)
    }

    @Test func aDiscoverAnswerWithoutAModernRevisionIsLegacy() {
        let result = run(.http(), Peer(modern: discovered(["2025-11-25"]), legacy: initialized("2025-11-25")))
        #expect(result.report.eras == [.legacy])
        #expect(result.report.modern == nil)
    }

    @Test func findsTheTwoAddressesOfTheFirstTransport() {
        let result = run(
            .http(),
            Peer(
                modern: .status(405),
                legacy: .status(405),
                stream: .endpoint("/messages?s=1"),
                overStream: initialized("2024-11-05")
            )
        )
        #expect(result.report.revisions == [.v2024_11_05])
        #expect(result.report.transports == [.legacySSE])
        #expect(result.report.endpoint == "/messages?s=1")
        #expect(result.questions.last == .initialize(offering: .v2024_11_05, .eventStream(endpoint: "/messages?s=1")))
    }

    @Test func offersWhatAnOldServerNamesInItsRefusal() {
        var probe = EraProbe.http()
        probe.receive(.status(404))
        probe.receive(failed(-32602, data: ["supported": ["2025-03-26", "2024-11-05"]]))
        #expect(probe.question == .initialize(offering: .v2025_03_26, .post))
        probe.receive(initialized("2025-03-26"))
        #expect(probe.report.legacy != nil)
    }

    @Test func remembersWhatAServerWantsToSee() {
        let challenge = AuthenticationChallenge(scheme: "bearer", parameters: ["resource_metadata": "http://x/y"])
        let answer = EraProbe.Answer.challenge(status: 401, [challenge])
        let result = run(.http(), Peer(modern: answer, legacy: answer))
        #expect(result.report.challenges == [challenge])
        #expect(result.report.isChallenged)
        #expect(!result.report.isModelContextProtocol)
    }

    @Test func offersEveryRevisionOnlyWhenAsked() {
        let peer = Peer(modern: .status(404), legacy: initialized("2025-03-26"))
        #expect(run(.http(depth: .everyRevision), peer).questions.count == 5)
        #expect(run(.http(), peer).questions.count == 2)
        #expect(run(.stdio(), peer).report.transports == [.stdio])
    }

    @Test func somethingElseIsNotTakenForAServer() {
        let page = EraProbe.Answer.status(200)
        let result = run(.http(), Peer(modern: page, legacy: page))
        #expect(!result.report.isModelContextProtocol)
        #expect(result.report.transports.isEmpty)
    }

    @Test(arguments: 0..<500 as Range<UInt64>) func endsWhateverIsAnswered(seed: UInt64) {
        var random = Numbers(seed: seed)
        let answers: [EraProbe.Answer] = [
            .nothing, .status(200), .status(404), .status(405), .endpoint("/\(seed)"), discovered(["2026-07-28"]),
            discovered([]), initialized("2024-11-05"), initialized("x"), failed(-32601), .challenge(status: 401, []),
            failed(-32022, data: ["supported": ["2026-07-28", "2025-11-25", "2024-11-05", "2025-03-26", "z"]]),
        ]
        var probe = EraProbe.http(depth: seed.isMultiple(of: 2) ? .everyRevision : .negotiated)
        var count = 0
        while probe.question != nil {
            count += 1
            guard count < 20 else { break }
            probe.receive(answers[Int.random(in: 0..<answers.count, using: &random)])
        }
        #expect(count < 20)
    }
}
