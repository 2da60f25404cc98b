/// A compiled regular expression that matches in time linear in the text.
///
/// `matches` needs the semantics of RE2; Swift's `Regex` backtracks, so that a hostile pattern would hold the evaluator
/// for as long as it likes. This is Thompson's construction with all threads kept in step (Pike's machine without
/// captures, which the language never asks for).
struct Pattern: Sendable {
    private enum Instruction: Sendable {
        case scalar(ScalarSet)
        case split(Int, Int)
        case jump(Int)
        case assert(PatternAssertion)
        case match
    }

    let source: String
    private var program: [Instruction] = []
    private static let maximumSize = 20_000

    init(_ source: String) throws(PatternError) {
        guard source.utf8.count <= 10_000 else { throw PatternError(reason: "it is longer than 10000 bytes") }
        self.source = source
        let tree = try PatternParser.parse(source)
        var work = 0
        try emit(tree, &work)
        program.append(.match)
    }

    var size: Int { program.count }

    private func bounded(_ work: inout Int) throws(PatternError) {
        // Counted work, not only size: a thousand times nothing is still a thousand steps.
        work += 1
        guard work <= Self.maximumSize, program.count <= Self.maximumSize else {
            throw PatternError(reason: "its repetitions make it too large")
        }
    }

    private mutating func emit(_ tree: PatternTree, _ work: inout Int) throws(PatternError) {
        try bounded(&work)
        switch tree {
        case .empty: break
        case .set(let set): program.append(.scalar(set))
        case .assertion(let assertion): program.append(.assert(assertion))
        case .sequence(let parts): for part in parts { try emit(part, &work) }
        case .alternatives(let branches):
            var exits: [Int] = []
            for (index, branch) in branches.enumerated() {
                guard index < branches.count - 1 else {
                    try emit(branch, &work)
                    break
                }
                let split = program.count
                program.append(.split(split + 1, 0))
                try emit(branch, &work)
                exits.append(program.count)
                program.append(.jump(0))
                program[split] = .split(split + 1, program.count)
            }
            for exit in exits { program[exit] = .jump(program.count) }
        case .repetition(let inner, let minimum, let maximum):
            for _ in 0..<minimum { try emit(inner, &work) }
            if let maximum {
                var splits: [Int] = []
                for _ in minimum..<maximum {
                    splits.append(program.count)
                    program.append(.split(program.count + 1, 0))
                    try emit(inner, &work)
                }
                for split in splits { program[split] = .split(split + 1, program.count) }
            } else {
                let split = program.count
                program.append(.split(split + 1, 0))
                try emit(inner, &work)
                program.append(.jump(split))
                program[split] = .split(split + 1, program.count)
            }
        }
    }

    /// Whether the pattern matches somewhere in the text.
    ///
    /// Bills a unit for about each four instructions tried.
    func matches(_ text: String, _ meter: inout Meter) throws(EvaluationError) -> Bool {
        try meter.charge(program.count >> 4)
        var current = ThreadList(capacity: program.count)
        var next = ThreadList(capacity: program.count)
        var previous: Unicode.Scalar?
        let scalars = Array(text.unicodeScalars)
        for position in 0...scalars.count {
            let scalar = position < scalars.count ? scalars[position] : nil
            // A new thread at each place: the search is not anchored.
            if follow(0, into: &current, previous, scalar) { return true }
            try meter.charge(1 + current.visited >> 2)
            guard let scalar else { break }
            next.removeAll()
            let following = position + 1 < scalars.count ? scalars[position + 1] : nil
            for index in current.threads {
                if case .scalar(let set) = program[index], set.contains(scalar),
                    follow(index + 1, into: &next, scalar, following)
                {
                    return true
                }
            }
            swap(&current, &next)
            previous = scalar
        }
        return false
    }

    /// Adds what can be reached without reading; true when that is a match.
    private func follow(
        _ start: Int,
        into list: inout ThreadList,
        _ before: Unicode.Scalar?,
        _ after: Unicode.Scalar?
    ) -> Bool {
        list.pending.append(start)
        while let index = list.pending.popLast() {
            guard list.insert(index) else { continue }
            switch program[index] {
            case .match:
                list.pending.removeAll(keepingCapacity: true)
                return true
            case .scalar: list.threads.append(index)
            case .jump(let target): list.pending.append(target)
            case .split(let first, let second):
                list.pending.append(second)
                list.pending.append(first)
            case .assert(let assertion):
                if Self.holds(assertion, before, after) { list.pending.append(index + 1) }
            }
        }
        return false
    }

    private static func holds(
        _ assertion: PatternAssertion,
        _ before: Unicode.Scalar?,
        _ after: Unicode.Scalar?
    ) -> Bool {
        switch assertion {
        case .textStart: before == nil
        case .textEnd: after == nil
        case .lineStart: before == nil || before == "\n"
        case .lineEnd: after == nil || after == "\n"
        case .wordBoundary: isWord(before) != isWord(after)
        case .notWordBoundary: isWord(before) == isWord(after)
        }
    }

    private static func isWord(_ scalar: Unicode.Scalar?) -> Bool {
        guard let value = scalar?.value, value < 0x80 else { return false }
        return UInt8(value).isNameStart || UInt8(value).isDigit
    }

    /// The threads of one step, each instruction at most once.
    private struct ThreadList {
        var threads: [Int] = []
        var pending: [Int] = []
        private(set) var visited = 0
        private var generation = 1
        private var marks: [Int]

        init(capacity: Int) { marks = Array(repeating: 0, count: capacity) }

        mutating func insert(_ index: Int) -> Bool {
            guard marks[index] != generation else { return false }
            marks[index] = generation
            visited += 1
            return true
        }

        mutating func removeAll() {
            threads.removeAll(keepingCapacity: true)
            visited = 0
            generation += 1
        }
    }
}
