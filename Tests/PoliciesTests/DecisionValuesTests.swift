import Core
import Policies
import Testing
import Traffic

@Test func trueAndFalsePassOnlyWhereTheyAreMeant() {
    let truth = call(CanonicalValue(.boolean, "true"), path: "code")
    for rule in [
        rule([ArgumentRule(path: "code", fromPrompt: true)]), rule([ArgumentRule(path: "code", open: [.token])]),
        rule([ArgumentRule(path: "code", minimum: 0, maximum: 9)]),
        rule([ArgumentRule(path: "code", fromTexts: [send])]), rule([ArgumentRule(path: "code/inner", open: [.token])]),
        rule([ArgumentRule(path: "code", values: [CanonicalValue(.token, "a")])]),
    ] {
        #expect(decide([rule], truth).verdict == .deny)
    }
    for rule in [
        rule([ArgumentRule(path: "code")]), rule([ArgumentRule(path: "code", open: [.boolean, .token])]),
        rule([ArgumentRule(path: "code", values: [CanonicalValue(.boolean, "true")])]),
    ] {
        #expect(decide([rule], truth).verdict == .allow)
    }
}

@Test(arguments: [
    ("/a/%252e%252e/b", false), ("/a/..%c0%afb", false), ("/a/\u{FF0E}\u{FF0E}/b", false), ("/a/..;x=1/b", false),
    ("/a/..", false), ("/a/x\n/etc", false), ("/a/x\u{0}", false), ("/a/.%09./b", false), ("/a/%2525252525252e", false),
    ("/a/\u{2025}/b", false), ("/a/b c/.. /d", false), ("/a/..\u{FF0F}b", false), ("/a/x%20y", true),
    ("/a/100%", true), ("/a/b..c", true), ("/a/...", false), ("/a/b;v=1", true),
])
func aPatternAdmitsNoPathThatMayClimb(_ path: String, _ isAdmitted: Bool) {
    let admitting = rule([ArgumentRule(path: "p", patterns: ["/a/*"])])
    for kind in [ValueClass.path, .short, .free] {
        let decision = decide([admitting], call(CanonicalValue(kind, path), path: "p"))
        #expect((decision.verdict == .allow) == isAdmitted, "\(decision)")
    }
}

/// Texts that show nothing, and some that show little.
@Test(arguments: [
    ("\u{3164}", true), ("\u{2800}", true), ("\u{115F}", true), ("\u{200B}\u{AD}", true), (" \u{2060} ", true),
    ("\u{E0001}\u{FE0F}", true), ("\u{2800}x", false), ("-", false),
])
func aRequiredTextThatShowsNothingIsMissing(_ text: String, _ isMissing: Bool) {
    let rules = [rule([ArgumentRule(path: "p", required: true, open: [.token, .short, .free])])]
    let decision = decide(rules, call(CanonicalValue(text: text), path: "p"))
    #expect((decision.reason == "missing-argument") == isMissing, "\(decision)")
}

@Test(arguments: [
    ("/a/%2562/c", true), ("/a/%252fb/c", true), ("/a/b\n/c", true), ("/a/c", false), ("/a/%2563/c", false),
])
func aForbidMeansEveryReadingOfAPath(_ path: String, _ isForbidden: Bool) {
    let rules = [
        rule([ArgumentRule(path: "p", open: [.path, .free])]),
        rule([ArgumentRule(path: "p", patterns: ["/a/b*/c"])], id: "f") { $0.effect = .forbid },
    ]
    #expect((decide(rules, call(CanonicalValue(.path, path), path: "p")).reason == "forbidden") == isForbidden)
}

@Test func aSessionMayCallAToolSoManyTimes() {
    let rules = [rule([ArgumentRule(path: "to", values: [ann])]) { $0.maximumCalls = 2 }]
    var next = call(ann)
    #expect(decide(rules, next).verdict == .allow)
    next.earlierCalls = 1
    #expect(decide(rules, next).verdict == .allow)
    next.earlierCalls = 2
    #expect(decide(rules, next) == Decision(.deny, rule: "r", reason: "calls"))
}

@Test(arguments: [
    "DE89 3704 0044 0532 0130 00", "de89-3704-0044-0532-0130-00", "DE89370400440532013000",
    "DE89.3704.0044.0532.0130.00", "DE89\u{200B}370400440532013000", "\u{FF24}E89370400440532013000",
    "de88-3704-0044-0532-0130-00",
])
func aForbidMeansAnAccountInEverySpelling(sent: String) {
    let forbidden = ["DE89 3704 0044 0532 0130 00", "de89370400440532013000", "DE89-3704-0044-0532-0130-00"]
    for text in sent.hasPrefix("de88") ? ["DE88 3704 0044 0532 0130 00"] : forbidden {
        let tool = ServerTool(server: "s", tool: "pay")
        let argument = ArgumentRule(path: "to", values: [CanonicalValue(.account, text)])
        let rule = Rule(id: "f", agent: "*", tool: tool, tier: .write, effect: .forbid, arguments: [argument])
        let policy = CompiledPolicy(Policy(name: "p", scope: .agent, rules: [rule]))
        let value = CanonicalValue(text: sent)
        let call = ObservedCall(
            session: "s",
            sequence: 0,
            principal: "a",
            tool: tool,
            tier: .write,
            succeeded: true,
            arguments: ["to"],
            leaves: [ObservedLeaf(argument: "to", path: "to", value: value)]
        )
        #expect(policy.decide(call).reason == "forbidden", "\(value) \(text)")
    }
}

@Test(
    arguments: [
        ("DE89_3704_0044_0532_0130_00", true), ("DE89, 3704, 0044, 0532, 0130, 00", true),
        ("DE89+3704+0044053201+300+0", true),
        ("IBANDE89370400440532013000", true), ("0DE89370400440532013000", true),
        ("payto://iban/DE89370400440532013000", true),
        ("https://pay.example/?to=DE89370400440532013000", true), ("%44E89%33704 0044 0532 0130 00", true),
        ("%2544E89370400440532013000", true), ("D\u{0415}89370400440532013000", true),
        ("(DE89)(3704)0044053201(3000)", true),
        ("D\u{1D404}89370400440532013000", true),
        ("x \(String(repeating: "y ", count: 400))DE89370400440532013000", true),
        ("DE88370400440532013000", false), ("DE8937040044053201300", false), ("DE89", false),
        ("mallory+x@evil.com", true), ("Mallory+x+y@EVIL.com", true), ("mallory+x@evil\u{3002}com", true),
        ("mallory@evil\u{FF61}com", true), ("mallory@evil\u{FF0E}com.", true), ("\"mallory\"@evil.com", true),
        ("mallory(work)@evil.com", true), ("mallory @ evil.com", true), ("mallory@[evil.com]", true),
        ("mallory%40evil.com", true), ("mallory%evil.com@relay.example", true), ("Bcc: mallory+news@evil.com", true),
        ("mallory@evil.com.example", false), ("xmallory@evil.com", false), ("mallory-x@evil.com", false),
        ("eve@evil.com", false), ("m.a.l@gmail.com", true), ("mal+a@googlemail.com", true), ("ma@gmail.com", false),
        ("ann+work@evil.com", true), ("ann+work+x@evil.com", true), ("ann@evil.com", false),
        ("ann+home@evil.com", false),
        ("https://bad\u{3002}example/x", true), ("http://bad\u{FF0E}example", true), ("good.example", false),
        ("+49 (0)30 901820", true), ("030/901820", true), ("tel:+49-30-901820", true), ("49.30.901820", true),
        ("+49 30 901821", false), ("901820", false), ("30 minutes, 901820 points", false),
    ] as [(String, Bool)]
)
func aForbidMeansAPartyHoweverATextNamesIt(sent: String, isForbidden: Bool) {
    let values = [
        CanonicalValue(.account, "de89370400440532013000"), CanonicalValue(.email, "mallory@evil.com"),
        CanonicalValue(.email, "mal@gmail.com"), CanonicalValue(.email, "ann+work@evil.com"),
        CanonicalValue(.phone, "+4930901820"),
    ]
    let call = call(CanonicalValue(text: sent))
    let forbid = rule([ArgumentRule(path: "to", values: values, domains: ["bad.example"])], id: "f") {
        $0.effect = .forbid
    }
    #expect((decide([forbid], call).reason == "forbidden") == isForbidden)
    // What is allowed is the thing itself.
    guard isForbidden else { return }
    let canonical = CanonicalValue(text: sent)
    let allow = rule([ArgumentRule(path: "to", values: values)])
    #expect((decide([allow], call).verdict == .allow) == values.contains(canonical))
}
