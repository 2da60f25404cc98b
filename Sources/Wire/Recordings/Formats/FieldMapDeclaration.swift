import Core

/// A field map as people declare it: `tool=action,time=at,principal=who`.
extension FieldMap {
    /// Why a declaration is no map; the description is a sentence about it.
    package enum DeclarationFault: Error, Sendable, Hashable, CustomStringConvertible {
        case noPair(String)
        case unknownKey(String)
        case emptyColumn(String)

        package var description: String {
            switch self {
            case .noPair(let text): "`\(text)` is no KEY=COLUMN"
            case .unknownKey(let key): "`\(key)` is nothing that a call has"
            case .emptyColumn(let key): "`\(key)` names no column"
            }
        }
    }

    /// What can be mapped, as people write it.
    package static let keys = [
        "tool", "time", "end", "id", "server", "principal", "session", "trace", "task", "task-text", "arguments",
        "argument-prefix", "result", "outcome", "error", "duration-ms",
    ]

    /// Columns that are named as the native form names its members, with `arg_` before the name of an argument.
    package static let native = FieldMap(
        tool: ["tool"],
        time: ["time"],
        id: ["id"],
        server: ["server"],
        principal: ["principal.id", "principal"],
        conversation: ["session"],
        task: ["task.id", "task"],
        taskText: ["task.text", "task_text", "task-text"],
        arguments: ["arguments"],
        argumentPrefix: "arg_",
        result: ["result"],
        outcome: ["outcome"],
        outcomes: words,
        durationMilliseconds: ["duration_ms"]
    )

    /// What people write for an outcome.
    private static let words: [String: CallRecord.Outcome] = {
        var words = Dictionary(uniqueKeysWithValues: CallRecord.Outcome.allCases.map { ($0.rawValue, $0) })
        for word in ["true", "1", "success", "200"] { words[word] = .ok }
        for word in ["false", "0", "error", "failed"] { words[word] = .toolError }
        return words
    }()

    /// Reads pairs of what a call has and the column that holds it; what is not declared has the name of `native`.
    ///
    /// A key that comes twice has two columns, of which the first that is filled counts. A comma inside a column's name is
    /// part of it, as long as no `=` follows.
    package init(declarations: [String]) throws(DeclarationFault) {
        var pairs: [String] = []
        for declaration in declarations {
            for piece in declaration.split(separator: ",", omittingEmptySubsequences: false) {
                if piece.contains("=") || pairs.isEmpty {
                    pairs.append(String(piece))
                } else {
                    pairs[pairs.count - 1] += "," + piece
                }
            }
        }
        self = .native
        var seen: Set<String> = []
        for pair in pairs {
            guard let cut = pair.firstIndex(of: "=") else { throw .noPair(pair) }
            let key = String(pair[..<cut])
            let column = String(pair[pair.index(after: cut)...])
            guard let place = Self.place(of: key) else {
                guard key == "argument-prefix" else { throw .unknownKey(key) }
                argumentPrefix = column.isEmpty ? nil : column
                continue
            }
            guard !column.isEmpty else { throw .emptyColumn(key) }
            if seen.insert(key).inserted { self[keyPath: place] = [] }
            self[keyPath: place].append(column)
        }
    }

    private static func place(of key: String) -> WritableKeyPath<FieldMap, [String]>? {
        switch key {
        case "tool": \.tool
        case "time": \.time
        case "end": \.end
        case "id": \.id
        case "server": \.server
        case "principal": \.principal
        case "session": \.conversation
        case "trace": \.trace
        case "task": \.task
        case "task-text": \.taskText
        case "arguments": \.arguments
        case "result": \.result
        case "outcome": \.outcome
        case "error": \.error
        case "duration-ms": \.durationMilliseconds
        default: nil
        }
    }
}
