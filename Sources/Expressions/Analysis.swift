/// A variable that an expression needs from outside, with the static path that it selects from it.
///
/// `steps.backtest.outputs["false_deny"]` has the root `steps` and the path `backtest`, `outputs`, `false_deny`. The path
/// ends where the expression computes the key. Loop variables, function names and type names are no references; the
/// namespace of a host function (`gates` in `gates.passed(x)`) is one, because only the host knows that it is not.
package struct Reference: Sendable, Hashable {
    package struct Step: Sendable, Hashable {
        package let name: String
        /// UTF-8 bytes of the source; for an index, of the string literal.
        package let range: Range<Int>
        package let isIndex: Bool
        /// Whether the expression expects that the step may be absent: `.?x`, `[?"x"]`, or the last one inside `has()`.
        package let isOptional: Bool
    }

    package let root: String
    package let rootRange: Range<Int>
    package let path: [Step]

    /// The source from the root to the end of the path.
    package var range: Range<Int> {
        rootRange.lowerBound..<max(rootRange.upperBound, path.last?.range.upperBound ?? 0)
    }
}

/// A function that an expression calls, by the name written, with its place.
package struct CalledFunction: Sendable, Hashable {
    /// With its namespace where it is a standard function: `math.greatest`.
    package let name: String
    package let isMethod: Bool
    package let isStandard: Bool
    package let range: Range<Int>
}

/// A subtraction that reads like a name with a hyphen: `steps.backtest-ok` subtracts the variable `ok`.
package struct HyphenatedName: Sendable, Hashable {
    /// The name that was probably meant, here `backtest-ok`.
    package let name: String
    package let range: Range<Int>
    /// The root of what is subtracted, here `ok`: it is among the references too.
    package let subtracted: String
}

/// Walks the tree once with the scopes of loop variables.
struct Analysis {
    let nodes: [Node]
    let maximumDepth: Int
    private(set) var references: [Reference] = []
    private(set) var functions: [CalledFunction] = []
    private(set) var hyphenated: [HyphenatedName] = []
    /// Loop variables in sight with the greatest depth of their values.
    private var scope: [(name: String, depth: Int)] = []

    init(_ nodes: [Node], root: NodeID, maximumDepth: Int) throws(ExpressionError) {
        self.nodes = nodes
        self.maximumDepth = maximumDepth
        _ = try visit(root)
        references.sort { $0.rootRange.lowerBound < $1.rootRange.lowerBound }
        functions.sort { $0.range.lowerBound < $1.range.lowerBound }
    }

    /// Visits a node and says how deep a value it can build out of nothing.
    ///
    /// Sharing makes depth cheap (`cel.bind(a, [x], cel.bind(b, [a], ...`), so that the height of the tree does not bound
    /// it; comparing or freeing such a value recurses. Depth that comes in with a bound variable is the host's to limit.
    private mutating func visit(_ id: NodeID, _ path: [Reference.Step] = []) throws(ExpressionError) -> Int {
        let node = nodes[id]
        let depth = try visit(node, path)
        guard depth <= maximumDepth else {
            throw ExpressionError(
                .tooDeep,
                "the expression builds a value deeper than \(maximumDepth) levels",
                at: node.range
            )
        }
        return depth
    }

    private mutating func visit(_ node: Node, _ path: [Reference.Step]) throws(ExpressionError) -> Int {
        switch node.kind {
        case .literal: return 0
        case .identifier(let name, let isAbsolute):
            if !isAbsolute, let local = scope.last(where: { $0.name == name }) { return local.depth }
            if !isTypeName(name, path) {
                references.append(Reference(root: name, rootRange: node.range, path: path))
            }
            return 0
        case .select(let operand, let field, let range, let access):
            let step: Reference.Step
            switch access {
            case .plain: step = .init(name: field, range: range, isIndex: false, isOptional: false)
            case .optional, .test: step = .init(name: field, range: range, isIndex: false, isOptional: true)
            }
            return try visit(operand, [step] + path) + 1
        case .index(let operand, let key, let isOptional):
            guard case .literal(.string(let name)) = nodes[key].kind else {
                return max(try visit(operand), try visit(key)) + 1
            }
            let step = Reference.Step(name: name, range: nodes[key].range, isIndex: true, isOptional: isOptional)
            return try visit(operand, [step] + path) + 1
        case .call(let call): return try visit(call)
        case .not(let operand), .negate(let operand): return try visit(operand)
        case .binary(let operation, let left, let right):
            let depth = try visit(left)
            if operation == .subtract { noteHyphen(left, right) }
            return max(depth, try visit(right))
        case .logical, .conditional: return try deepest(node.kind.children)
        case .list, .map, .message: return try deepest(node.kind.children) + 1
        case .comprehension(let loop): return try visit(loop)
        case .bind(let name, let value, let body):
            let depth = try visit(value)
            return try within([(name, depth)]) { analysis throws(ExpressionError) in try analysis.visit(body) }
        case .block(let values, let body):
            let outer = scope.count
            defer { scope.removeLast(scope.count - outer) }
            for (index, value) in values.enumerated() { scope.append(("@index:\(index)", try visit(value))) }
            return try visit(body)
        case .optionalMap(let target, let name, let body, _):
            let depth = try visit(target)
            return try within([(name, depth)]) { analysis throws(ExpressionError) in try analysis.visit(body) } + 1
        }
    }

    private mutating func deepest(_ ids: [NodeID]) throws(ExpressionError) -> Int {
        var depth = 0
        for id in ids { depth = max(depth, try visit(id)) }
        return depth
    }

    private mutating func within(
        _ locals: [(name: String, depth: Int)],
        _ body: (inout Analysis) throws(ExpressionError) -> Int
    ) throws(ExpressionError) -> Int {
        scope.append(contentsOf: locals)
        defer { scope.removeLast(locals.count) }
        return try body(&self)
    }

    private mutating func visit(_ loop: Node.Comprehension) throws(ExpressionError) -> Int {
        let range = try visit(loop.range)
        return try within(loop.names.map { ($0, range) }) { analysis throws(ExpressionError) in
            if let predicate = loop.predicate { _ = try analysis.visit(predicate) }
            let body = try loop.transform.map { id throws(ExpressionError) in try analysis.visit(id) }
            return (body ?? range) + 1
        }
    }

    private mutating func visit(_ call: Node.Call) throws(ExpressionError) -> Int {
        var ids = call.arguments
        if let target = call.target {
            let prefix = nodes.qualifiedName(of: target)
            if call.qualifiedFunction != nil, let prefix, prefix.isAbsolute || !isLocal(prefix.root) {
                let range = nodes[target].range.lowerBound..<call.nameRange.upperBound
                functions.append(
                    CalledFunction(
                        name: call.qualifiedName ?? call.name,
                        isMethod: false,
                        isStandard: true,
                        range: range
                    )
                )
                return try deepest(ids) + 1
            }
            ids.insert(target, at: 0)
        }
        functions.append(
            CalledFunction(
                name: call.name,
                isMethod: call.target != nil,
                isStandard: call.function != nil,
                range: call.nameRange
            )
        )
        return try deepest(ids) + 1
    }

    private func isLocal(_ name: String) -> Bool { scope.contains { $0.name == name } }

    private func isTypeName(_ root: String, _ path: [Reference.Step]) -> Bool {
        guard path.allSatisfy({ !$0.isIndex }) else { return false }
        return CELType.denotations[([root] + path.map(\.name)).joined(separator: ".")] != nil
    }

    private mutating func noteHyphen(_ left: NodeID, _ right: NodeID) {
        var name: String
        switch nodes[left].kind {
        case .identifier(let root, _): name = root
        case .select(_, let field, _, .plain): name = field
        case .binary(.subtract, _, _):
            // `a-b-c` parses as `(a-b)-c`: the first part has just been noted.
            guard let previous = hyphenated.last, previous.range.upperBound == nodes[left].range.upperBound else {
                return
            }
            name = previous.name
        default: return
        }
        var root = right
        while case .select(let operand, _, _, .plain) = nodes[root].kind { root = operand }
        guard case .identifier(let subtracted, isAbsolute: false) = nodes[root].kind,
            nodes[left].range.upperBound + 1 == nodes[right].range.lowerBound
        else { return }
        name += "-\(subtracted)"
        hyphenated.append(
            HyphenatedName(
                name: name,
                range: nodes[left].range.lowerBound..<nodes[root].range.upperBound,
                subtracted: subtracted
            )
        )
    }
}
