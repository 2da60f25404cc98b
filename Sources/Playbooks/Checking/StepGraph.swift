import Core

/// Which steps wait for which, by their position in the document.
struct StepGraph {
    /// Positions of the steps that each step waits for.
    let needs: [[Int]]
    /// For each step, the steps before it in some valid order; steps on or behind a cycle are missing.
    let order: [Int]
    private let rank: [Int]
    /// Where each step stands in its chain of single implicit needs, so that most questions need no search.
    private let chain: [(id: Int, position: Int)]

    init(needs: [[Int]]) {
        self.needs = needs
        var waiting = needs.map { Set($0).count }
        var dependents = [[Int]](repeating: [], count: needs.count)
        for (step, needed) in needs.enumerated() {
            for other in Set(needed) { dependents[other].append(step) }
        }
        var order: [Int] = []
        order.reserveCapacity(needs.count)
        var ready = needs.indices.filter { waiting[$0] == 0 }
        var next = 0
        while next < ready.count {
            let step = ready[next]
            next += 1
            order.append(step)
            for dependent in dependents[step] {
                waiting[dependent] -= 1
                if waiting[dependent] == 0 { ready.append(dependent) }
            }
        }
        self.order = order
        var rank = [Int](repeating: -1, count: needs.count)
        for (position, step) in order.enumerated() { rank[step] = position }
        self.rank = rank

        var chain = [(id: Int, position: Int)](repeating: (-1, 0), count: needs.count)
        var hasFollower = [Bool](repeating: false, count: needs.count)
        var chains = 0
        for step in order {
            if let before = needs[step].last, !hasFollower[before] {
                hasFollower[before] = true
                chain[step] = (chain[before].id, chain[before].position + 1)
            } else {
                chain[step] = (chains, 0)
                chains += 1
            }
        }
        self.chain = chain
    }

    /// Steps that lie on a cycle, one set a cycle, each with the steps in document order.
    func cycles() -> [[Int]] {
        guard order.count < needs.count else { return [] }
        // Tarjan, "Depth-first search and linear graph algorithms" (1972), with a stack of its own.
        var index = [Int](repeating: -1, count: needs.count)
        var low = index
        var isOpen = [Bool](repeating: false, count: needs.count)
        var open: [Int] = []
        var found: [[Int]] = []
        var counter = 0
        for start in needs.indices where rank[start] < 0 && index[start] < 0 {
            var path: [(step: Int, next: Int)] = [(start, 0)]
            while let (step, next) = path.last {
                if next == 0, index[step] < 0 {
                    index[step] = counter
                    low[step] = counter
                    counter += 1
                    open.append(step)
                    isOpen[step] = true
                }
                if next < needs[step].count {
                    path[path.count - 1].next += 1
                    let other = needs[step][next]
                    if rank[other] >= 0 { continue }
                    if index[other] < 0 {
                        path.append((other, 0))
                    } else if isOpen[other] {
                        low[step] = min(low[step], index[other])
                    }
                    continue
                }
                path.removeLast()
                if let parent = path.last?.step { low[parent] = min(low[parent], low[step]) }
                if low[step] == index[step] {
                    var members: [Int] = []
                    while let member = open.popLast() {
                        isOpen[member] = false
                        members.append(member)
                        if member == step { break }
                    }
                    if members.count > 1 { found.append(members.sorted()) }
                }
            }
        }
        return found.sorted { $0[0] < $1[0] }
    }

    /// Whether the step waits, directly or not, for the other: asked for many pairs at once.
    ///
    /// Sixty-four different targets are followed in one pass over the graph.
    func waits(_ pairs: [(step: Int, target: Int)]) -> [Bool] {
        var answers = [Bool](repeating: false, count: pairs.count)
        var open: [Int: [Int]] = [:]
        for (position, pair) in pairs.enumerated() {
            let (step, target) = pair
            guard rank[step] >= 0, rank[target] >= 0 else {
                // On or behind a cycle there is an error already.
                answers[position] = step != target
                continue
            }
            guard rank[target] < rank[step] else { continue }
            if chain[step].id == chain[target].id {
                answers[position] = true
            } else {
                open[target, default: []].append(position)
            }
        }
        let targets = open.keys.sorted { rank[$0] < rank[$1] }
        var first = 0
        while first < targets.count {
            let batch = targets[first..<min(first + 64, targets.count)]
            var reaches = [UInt64](repeating: 0, count: needs.count)
            var own: [Int: UInt64] = [:]
            for (bit, target) in batch.enumerated() { own[target] = 1 << UInt64(bit) }
            for step in order[rank[batch[first]]...] {
                var set: UInt64 = own[step] ?? 0
                for needed in needs[step] { set |= reaches[needed] }
                reaches[step] = set
            }
            for (bit, target) in batch.enumerated() {
                for position in open[target] ?? [] {
                    answers[position] = reaches[pairs[position].step] & (1 << UInt64(bit)) != 0
                }
            }
            first += 64
        }
        return answers
    }
}
