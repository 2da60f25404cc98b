/// A parsed expression of the Common Expression Language.
///
/// Parsing bounds everything that recursion could follow, so that `check` and `evaluate` need no trust in the source.
/// The language is cel-spec's with the optional syntax, two-variable comprehensions, and the extensions for strings,
/// mathematics, encoding, bindings and network addresses; protocol buffer messages do not exist.
package struct Expression: Sendable {
    package let source: String
    /// Every variable that the expression needs from outside, sorted by place.
    package let references: [Reference]
    /// Every function that the expression calls, sorted by place; operators and macros are none.
    package let functions: [CalledFunction]
    /// Subtractions that were probably meant as names.
    package let hyphenatedNames: [HyphenatedName]
    let nodes: [Node]
    let root: NodeID

    package static func parse(
        _ source: String,
        options: ParseOptions = ParseOptions()
    ) throws(ExpressionError) -> Expression {
        var parser = try Parser(source, options: options)
        let root = try parser.parse()
        let analysis = try Analysis(parser.nodes, root: root, maximumDepth: options.maximumDepth)
        return Expression(source: source, nodes: parser.nodes, root: root, analysis: analysis)
    }

    private init(source: String, nodes: [Node], root: NodeID, analysis: Analysis) {
        self.source = source
        self.nodes = nodes
        self.root = root
        references = analysis.references
        functions = analysis.functions
        hyphenatedNames = analysis.hyphenated
    }

    /// Deduces the type and finds names, fields and overloads that cannot be right under the declarations.
    ///
    /// An expression with issues can still be evaluated; whether it may be is the caller's decision.
    package func check(in declarations: Declarations) -> CheckResult {
        var checker = Checker(self, declarations)
        return checker.run()
    }

    /// Computes the value.
    ///
    /// The same bindings give the same value; nothing outside them is looked at.
    package func evaluate(
        _ bindings: Bindings = Bindings(),
        options: EvaluationOptions = EvaluationOptions()
    ) throws(EvaluationError) -> Value {
        var evaluator = Evaluator(self, bindings, options)
        return try evaluator.run()
    }
}

/// What the checker deduced.
package struct CheckResult: Sendable, Hashable {
    /// The type of the whole; `dyn` where it is known only at evaluation.
    package let type: CELType
    /// Sorted by place; empty when the expression is sound.
    package let issues: [ExpressionIssue]
}

/// Seconds east of UTC that hold in a zone at a moment; `nil` for a zone that does not exist.
package typealias ZoneOffset = @Sendable (_ zone: String, _ epochSeconds: Int64) -> Int?

/// A function of the host, called with the target of a method first.
package typealias HostFunction = @Sendable ([Value]) throws(EvaluationError) -> Value

/// The values that an expression sees.
package struct Bindings: Sendable {
    package var variables: [String: Value]
    /// Standard functions of the same name win.
    package var functions: [String: HostFunction]
    /// Asked for a variable that `variables` has not, at most once for each time that the name is evaluated.
    package var resolve: (@Sendable (String) -> Value?)?

    package init(
        variables: [String: Value] = [:],
        functions: [String: HostFunction] = [:],
        resolve: (@Sendable (String) -> Value?)? = nil
    ) {
        self.variables = variables
        self.functions = functions
        self.resolve = resolve
    }
}

/// The limits and surroundings of one evaluation.
package struct EvaluationOptions: Sendable {
    /// How much work may be done: about one for each node evaluated, each element made, and each eight bytes made or read.
    package var costLimit: Int
    /// How deep the evaluation may nest; it cannot be reached by what `ParseOptions` lets through unless it is smaller.
    package var recursionLimit: Int
    /// The namespace in which names are looked up first.
    package var container: String
    /// Zones by name.
    ///
    /// `UTC` and fixed offsets need none; without one every other zone is an error.
    package var zoneOffset: ZoneOffset?

    package init(
        costLimit: Int = 1_000_000,
        recursionLimit: Int = 500,
        container: String = "",
        zoneOffset: ZoneOffset? = nil
    ) {
        self.costLimit = costLimit
        self.recursionLimit = recursionLimit
        self.container = container
        self.zoneOffset = zoneOffset
    }
}
