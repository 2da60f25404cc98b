package import Core

/// One message where it stands in the bytes that go on.
///
/// Nodes belong to the outline of the reader that made the message, and stay good until its next reading.
package struct PassingMessage: Sendable, Hashable {
    package typealias Node = JSON.Outline.Node

    package enum Kind: Sendable, Hashable {
        case request, notification
        /// A response with a result.
        case result
        /// A response with an error.
        case error
    }

    package internal(set) var kind: Kind
    /// The whole message, without the space around it.
    package internal(set) var node: Node
    package internal(set) var range: Range<Int>
    /// A string or a whole number that every reader takes for the same one.
    package internal(set) var id: Node?
    package internal(set) var idRange: Range<Int>?
    /// Empty for a response.
    package internal(set) var method = ""
    package internal(set) var meaning = MethodCatalogue.Meaning.unknown
    /// The member of `params` that names what is used, if the method has one.
    package internal(set) var namedMember: String?
    package internal(set) var params: Node?
    /// The value of that member: a string that is not empty.
    package internal(set) var name: Node?
    /// An object, of a call or of a prompt.
    package internal(set) var arguments: Node?
    package internal(set) var meta: Node?
    /// A string, from `_meta`.
    package internal(set) var protocolVersion: Node?
    /// A string or a whole number, from `_meta`.
    package internal(set) var progressToken: Node?
    /// A string, from `_meta`.
    package internal(set) var traceparent: Node?
    /// Under which task the caller says it works: `dev.lockstep/task` of `_meta`, whatever it is.
    package internal(set) var declaredTask: Node?
    /// The wish of 2025-11-25 to be answered later: `task` of `params`.
    package internal(set) var taskAugmentation: Node?
    package internal(set) var requestState: Node?
    package internal(set) var inputResponses: Node?
    package internal(set) var result: Node?
    package internal(set) var error: Node?

    package var isResponse: Bool { kind == .result || kind == .error }
}

/// What one body, one event or one line turned out to be.
package enum Reading: Sendable, Hashable {
    case message(PassingMessage)
    /// Only in revision 2025-03-26, and never empty.
    case batch([PassingMessage])
    case refused(Refusal)
}
