import Core
import Policies
import Testing
import Traffic

@Suite struct NeededWideningTests {
    @Test(arguments: 0..<200 as Range<UInt64>, [false, true])
    func nothingIsOpenedThatNobodyNeeded(_ seed: UInt64, _ removesUnseen: Bool) {
        var dice = Dice(seed: seed)
        let (old, new) = (Samples.mined(&dice), Samples.mined(&dice))
        let fresh = new.keepingWhatPeopleWrote(in: old)
        let suggested = removesUnseen ? fresh : fresh.keepingWhatWasUsed(in: old)
        let narrow = suggested.opening(old, onlyFor: [])
        let wider = PolicyDifference(from: old, to: narrow).changes.filter { $0.direction != .tighter }
        #expect(wider.isEmpty)
    }

    @Test func whatOneCallNeedsIsAllThatIsOpened() throws {
        let memo = ArgumentRule(path: "memo", open: [.short], maximumLength: 240)
        let vendor = ArgumentRule(path: "vendor", values: [CanonicalValue(.token, "acme")])
        let tool = ServerTool(server: "books", tool: "pay")
        func policy(_ memo: ArgumentRule, _ vendor: ArgumentRule) -> Policy {
            let rule = Rule(id: "pay", agent: "clerk", tool: tool, tier: .write, arguments: [memo, vendor])
            return Policy(name: "p", scope: .agent, rules: [rule])
        }
        var (longer, more) = (memo, vendor)
        longer.maximumLength = nil
        longer.open = [.free, .short]
        more.values.append(CanonicalValue(.token, "globex"))
        more.open = [.path]
        let old = policy(memo, vendor)
        let record = CallRecord(
            time: .init(microseconds: 0),
            session: "s",
            sequence: 0,
            principal: CallRecord.Principal(id: "clerk", kind: .declared),
            server: "books",
            tool: "pay",
            arguments: ["memo": "for the rent", "vendor": "globex"]
        )
        var observer = SessionObserver(taskText: nil)
        let call = observer.observe(record)
        let narrow = policy(longer, more).opening(old, onlyFor: [NeededCall(call, context: DecisionContext())])
        var expected = vendor
        expected.values = more.values
        #expect(narrow == policy(memo, expected))
    }
}
