import Core
import Wire

/// What a message uses, in the words of a policy: a tool and its arguments.
///
/// Prompts, resources and completions have no tools; a rule names them by their method, `resources/read` with the
/// argument `uri`, `prompts/get` with `name` and `arguments`.
struct Used {
    let tool: String
    let arguments: JSON.Object

    init(_ message: PassingMessage, _ name: String, _ outline: JSON.Outline, _ bytes: Span<UInt8>) {
        if message.meaning == .call {
            tool = name
            arguments = message.arguments.flatMap { outline.value(of: $0, in: bytes).object } ?? [:]
            return
        }
        tool = message.method
        var all = message.params.flatMap { outline.value(of: $0, in: bytes).object } ?? [:]
        all["_meta"] = nil
        arguments = all
    }
}
