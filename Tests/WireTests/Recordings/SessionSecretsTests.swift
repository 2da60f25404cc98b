import Core
import Testing

@testable import Wire

/// Finds what stands behind `code is` and under the name `pin`, as a finder of secrets would.
private let finder = Tokeniser(token: { "tok(\($0))" }) { text, name in
    if name == "pin" { return Tokeniser.Replacement(text: "tok(\(text))", secrets: [text]) }
    guard let space = text.utf8.lastIndex(of: 0x20), text[..<space].hasSuffix("code is") else { return nil }
    let secret = String(text[text.utf8.index(after: space)...])
    return Tokeniser.Replacement(text: text[...space] + "tok(\(secret))", secrets: [secret])
}

private func call(
    _ arguments: JSON.Object = [:],
    text: String? = nil,
    structured: JSON.Value? = .none,
    session: String = "s",
    principal: String = "a"
) -> CallRecord {
    let isShown = text != nil || structured != .none
    return CallRecord(
        time: Timestamp(seconds: 0),
        session: session,
        sequence: 0,
        principal: CallRecord.Principal(id: principal, kind: .declared),
        server: "srv",
        tool: "t",
        arguments: arguments,
        result: isShown ? CallRecord.Result(text: text, structured: structured) : nil
    )
}

private func read(_ calls: [CallRecord], most: Int = 1 << 17) -> [CallRecord] {
    var known = SessionSecrets(most: most)
    return calls.map { call in
        var call = call
        finder.apply(to: &call, &known)
        return call
    }
}

@Suite struct SessionSecretsTests {
    @Test(
        arguments: [
            (["code": "482913"], ["code": "tok(482913)"]), (["code": 482913], ["code": "tok(482913)"]),
            (["code": " 482913\n"], ["code": " tok(482913)\n"]),
            (["list": ["x", ["deep": "482913", "n": 7]]], ["list": ["x", ["deep": "tok(482913)", "n": 7]]]),
            // Nothing says of a part of a text, or of what is spelled otherwise, that it is the code.
            (["code": "482913x"], ["code": "482913x"]), (["note": "take 482913"], ["note": "take 482913"]),
            (["code": "482 913"], ["code": "482 913"]), (["code": 482913.5], ["code": 482913.5]),
            (["482913": true], ["482913": true]),
            (["a": .null, "b": false, "c": ""], ["a": .null, "b": false, "c": ""]),
        ] as [(JSON.Object, JSON.Object)]
    )
    func aSecretOfAResultIsOneInLaterArguments(_ sent: JSON.Object, _ expected: JSON.Object) {
        let calls = read([call(text: "your code is 482913"), call(sent)])
        #expect(calls[0].result?.text == "your code is tok(482913)")
        #expect(calls[1].arguments == expected)
    }

    @Test func theOtherWayRoundResultsAreReplaced() {
        let calls = read([
            call(["pin": "48291"], text: "48291", structured: ["echo": ["48291", 48291, "48292"]]),
            call(text: " 48291 "), call(text: "it was 48291"),
        ])
        #expect(calls[0].arguments == ["pin": "tok(48291)"] && calls[0].originals == ["tok(48291)": "48291"])
        #expect(calls[0].result?.text == "tok(48291)")
        #expect(calls[0].result?.structured == ["echo": ["tok(48291)", "tok(48291)", "48292"]])
        #expect(calls[1].result?.text == " tok(48291) " && calls[2].result?.text == "it was 48291")
    }

    @Test func whatAnArgumentWasIsKnownOfWholeArgumentsOnly() {
        let calls = read([call(["a": "the code is 482913"]), call(["b": "482913"], structured: ["pin": "77777"])])
        #expect(calls[0].originals == [:] && calls[1].originals == ["tok(482913)": "482913"])
    }

    @Test func anotherSessionHasShownNothing() {
        let calls = read([
            call(text: "code is 482913"), call(["code": "482913"], session: "other"),
            call(["code": "482913"], principal: "b"), call(["code": "482913"], session: "s2", principal: ""),
            call(text: "code is 482913", session: "other"), call(["code": "482913"], session: "other"),
        ])
        #expect(calls[1...3].allSatisfy { $0.arguments == ["code": "482913"] })
        #expect(calls[5].arguments == ["code": "tok(482913)"])
    }

    /// They are said of other things as well.
    @Test(arguments: ["yes", "123", "production", "Berlin", ""])
    func wordsAndSmallNumbersAreNotLookedFor(_ word: String) {
        let calls = read([call(["pin": .string(word)]), call(["place": .string(word)], text: word)])
        #expect(calls[1].arguments == ["place": .string(word)] && calls[1].result?.text == word)
    }

    @Test func theTaskShowsSecretsToo() {
        var first = call(["code": "482913"])
        first.task = CallRecord.Task(text: "my code is 482913")
        let calls = read([first, call(["code": "482913"])])
        #expect(calls.allSatisfy { $0.arguments == ["code": "tok(482913)"] })
    }

    @Test func theLatestSecretsAreKeptAndThoseInUse() {
        var calls: [CallRecord] = []
        for number in 1000..<1030 { calls += [call(["pin": .string("\(number)")]), call(["x": "1000"])] }
        calls += [call(["x": "1001"]), call(["x": "1028"])]
        let found = read(calls, most: 4)
        #expect(found[59].arguments == ["x": "tok(1000)"])
        #expect(found[60].arguments == ["x": "1001"] && found[61].arguments == ["x": "tok(1028)"])
    }

    /// Each is found in a step or two: twice as many take about twice as long, and memory has an end.
    @Test func aSessionMayShowAHundredThousandSecrets() {
        var known = SessionSecrets(most: 1 << 14)
        var hits = 0
        for number in 100_000..<200_000 {
            var call = call(["code": .string("\(number - 1)")], text: "code is \(number)")
            hits += finder.apply(to: &call, &known) - 1
        }
        #expect(hits == 99_999)
        #expect(known.count <= 2 << 14)
    }
}
