import Testing

@testable import Playbooks

struct GraphTests {
    /// A plain search, to compare the quick answers with.
    private func reaches(_ needs: [[Int]], _ step: Int, _ target: Int) -> Bool {
        var seen: Set<Int> = []
        var open = needs[step]
        while let next = open.popLast() {
            if next == target { return true }
            if seen.insert(next).inserted { open += needs[next] }
        }
        return false
    }

    @Test(arguments: UInt64(0)..<40)
    func answersAsAPlainSearchDoes(_ seed: UInt64) {
        var random = MutationTests.Seeded(state: seed)
        let count = Int.random(in: 2...120, using: &random)
        let needs = (0..<count).map { step -> [Int] in
            guard step > 0 else { return [] }
            if Bool.random(using: &random) { return [step - 1] }
            return (0..<Int.random(in: 0...3, using: &random)).map { _ in Int.random(in: 0..<step, using: &random) }
        }
        let graph = StepGraph(needs: needs)
        #expect(graph.order.count == count)
        let pairs = (0..<count).flatMap { step in (0..<count).map { (step: step, target: $0) } }
        let answers = graph.waits(pairs)
        for (pair, answer) in zip(pairs, answers) where answer != reaches(needs, pair.step, pair.target) {
            Issue.record("\(pair) is \(answer) in \(needs)")
            return
        }
    }

    @Test func findsEachCycleOnce() {
        let graph = StepGraph(needs: [[2], [0], [1], [0], [5], [4], [], [6], [6]])
        #expect(graph.cycles() == [[0, 1, 2], [4, 5]])
    }
}

struct InterpolationTests {
    @Test(arguments: [
        ("plain", 1), ("${{ a }}", 1), ("x ${{ a }} y", 3), ("${{ {'a': {'b': 1}} }}", 1), ("${{ '}}' }} }}", 2),
        ("}} $ {", 1),
    ])
    func cutsTextAtItsExpressions(_ text: String, _ count: Int) {
        #expect(Interpolation.split(text)?.count == count)
    }

    @Test(arguments: ["${{ a", "x ${{ a }} ${{ b", "${{"])
    func noticesWhatIsNotClosed(_ text: String) {
        #expect(Interpolation.split(text) == nil)
    }
}
