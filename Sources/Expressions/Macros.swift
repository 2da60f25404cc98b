extension Parser {
    /// Each use of a slot looks through the slots in sight.
    private static let maximumBlock = 500

    /// Turns a call into a macro's node where name and number of arguments say so, else into a call.
    mutating func expand(_ call: Node.Call, _ range: Range<Int>) throws(ExpressionError) -> NodeID {
        if let target = call.target {
            if !nodes.isName("cel", target) {
                if let kind = try memberMacro(call, target: target) { return try add(kind, range) }
            } else if let kind = try namespacedMacro(call) {
                return try add(kind, range)
            }
        } else if call.name == "has", !call.isAbsolute {
            return try test(call, range)
        }
        return try add(.call(resolved(call)), range)
    }

    private func resolved(_ call: Node.Call) -> Node.Call {
        var call = call
        call.function = StandardFunction(rawValue: call.name)
        if let target = call.target, let prefix = nodes.qualifiedName(of: target) {
            let name = "\(prefix.name).\(call.name)"
            call.qualifiedName = name
            call.qualifiedFunction = StandardFunction(rawValue: name)
        }
        return call
    }

    private mutating func test(_ call: Node.Call, _ range: Range<Int>) throws(ExpressionError) -> NodeID {
        guard call.arguments.count == 1,
            case .select(let operand, let field, let fieldRange, .plain) = nodes[call.arguments[0]].kind
        else {
            throw ExpressionError(.macro, "`has` takes one field selection, such as `has(a.b)`", at: range)
        }
        return try add(.select(operand, field: field, fieldRange: fieldRange, access: .test), range)
    }

    private func memberMacro(_ call: Node.Call, target: NodeID) throws(ExpressionError) -> Node.Kind? {
        let arguments = call.arguments
        func loop(
            _ kind: Node.Comprehension.Kind,
            names count: Int,
            predicate: Int?,
            transform: Int?
        ) throws(ExpressionError) -> Node.Kind {
            var names: [String] = []
            for argument in arguments.prefix(count) { names.append(try variable(argument, of: call.name)) }
            if count == 2, names[0] == names[1] {
                throw ExpressionError(
                    .macro,
                    "the two variables of `\(call.name)` have one name",
                    at: nodes[arguments[1]].range
                )
            }
            return .comprehension(
                Node.Comprehension(
                    kind: kind,
                    range: target,
                    names: names,
                    predicate: predicate.map { arguments[$0] },
                    transform: transform.map { arguments[$0] }
                )
            )
        }
        switch (call.name, arguments.count) {
        case ("all", 2): return try loop(.all, names: 1, predicate: 1, transform: nil)
        case ("all", 3): return try loop(.all, names: 2, predicate: 2, transform: nil)
        case ("exists", 2): return try loop(.exists, names: 1, predicate: 1, transform: nil)
        case ("exists", 3): return try loop(.exists, names: 2, predicate: 2, transform: nil)
        case ("exists_one", 2), ("existsOne", 2): return try loop(.existsOne, names: 1, predicate: 1, transform: nil)
        case ("exists_one", 3), ("existsOne", 3): return try loop(.existsOne, names: 2, predicate: 2, transform: nil)
        case ("filter", 2): return try loop(.filter, names: 1, predicate: 1, transform: nil)
        case ("map", 2): return try loop(.map, names: 1, predicate: nil, transform: 1)
        case ("map", 3): return try loop(.map, names: 1, predicate: 1, transform: 2)
        case ("transformList", 3): return try loop(.map, names: 2, predicate: nil, transform: 2)
        case ("transformList", 4): return try loop(.map, names: 2, predicate: 2, transform: 3)
        case ("transformMap", 3): return try loop(.transformMap, names: 2, predicate: nil, transform: 2)
        case ("transformMap", 4): return try loop(.transformMap, names: 2, predicate: 2, transform: 3)
        case ("transformMapEntry", 3): return try loop(.transformMapEntry, names: 2, predicate: nil, transform: 2)
        case ("transformMapEntry", 4): return try loop(.transformMapEntry, names: 2, predicate: 2, transform: 3)
        case ("optMap", 2), ("optFlatMap", 2):
            return .optionalMap(
                target,
                name: try variable(arguments[0], of: call.name),
                body: arguments[1],
                isFlat: call.name == "optFlatMap"
            )
        default: return nil
        }
    }

    /// `cel.bind`, and the `cel.block` family, in which optimisers write common subexpressions.
    private func namespacedMacro(_ call: Node.Call) throws(ExpressionError) -> Node.Kind? {
        let arguments = call.arguments
        switch (call.name, arguments.count) {
        case ("bind", 3):
            return .bind(name: try variable(arguments[0], of: "cel.bind"), value: arguments[1], body: arguments[2])
        case ("block", 2):
            guard case .list(let elements) = nodes[arguments[0]].kind, !elements.contains(where: \.isOptional),
                elements.count <= Self.maximumBlock
            else {
                throw ExpressionError(
                    .macro,
                    "`cel.block` takes a list literal of at most \(Self.maximumBlock) values first",
                    at: nodes[arguments[0]].range
                )
            }
            return .block(elements.map(\.value), body: arguments[1])
        case ("index", 1): return try slot("@index", arguments, of: call)
        case ("iterVar", 2): return try slot("@it", arguments, of: call)
        case ("accuVar", 2): return try slot("@ac", arguments, of: call)
        default: return nil
        }
    }

    private func slot(_ prefix: String, _ arguments: [NodeID], of call: Node.Call) throws(ExpressionError) -> Node.Kind
    {
        var name = prefix
        for argument in arguments {
            guard case .literal(.int(let number)) = nodes[argument].kind, number >= 0 else {
                throw ExpressionError(
                    .macro,
                    "`cel.\(call.name)` takes numbers that are not negative",
                    at: nodes[argument].range
                )
            }
            name += ":\(number)"
        }
        return .identifier(name, isAbsolute: false)
    }

    private func variable(_ id: NodeID, of macro: String) throws(ExpressionError) -> String {
        guard case .identifier(let name, isAbsolute: false) = nodes[id].kind else {
            throw ExpressionError(.macro, "a variable of `\(macro)` must be a plain name", at: nodes[id].range)
        }
        return name
    }
}

extension [Node] {
    func isName(_ name: String, _ id: NodeID) -> Bool {
        if case .identifier(name, isAbsolute: _) = self[id].kind { return true }
        return false
    }
}
