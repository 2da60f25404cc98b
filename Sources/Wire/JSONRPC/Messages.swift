package import Core

/// JSON-RPC 2.0 (https://www.jsonrpc.org/specification) as MCP uses it: parameters are objects, ids are strings or
/// integers, and only an error may answer without an id.
package enum JSONRPC {
    /// What a response is matched by.
    package enum ID: Sendable, Hashable, CustomStringConvertible {
        case integer(Int64)
        case string(String)

        package var description: String {
            switch self {
            case .integer(let number): String(number)
            case .string(let text): text
            }
        }

        package var value: JSON.Value {
            switch self {
            case .integer(let number): .integer(number)
            case .string(let text): .string(text)
            }
        }
    }

    /// A call that wants an answer.
    package struct Request: Sendable, Hashable {
        package var id: ID
        package var method: String
        package var params: JSON.Object?

        package init(id: ID, method: String, params: JSON.Object? = nil) {
            self.id = id
            self.method = method
            self.params = params
        }
    }

    /// A call that gets no answer.
    package struct Notification: Sendable, Hashable {
        package var method: String
        package var params: JSON.Object?

        package init(method: String, params: JSON.Object? = nil) {
            self.method = method
            self.params = params
        }
    }

    /// The error that a response carries instead of a result.
    package struct Failure: Error, Sendable, Hashable {
        package var code: Int64
        package var message: String
        package var data: JSON.Value?

        package init(code: Int64, message: String, data: JSON.Value? = nil) {
            self.code = code
            self.message = message
            self.data = data
        }

        package init(_ code: ErrorCode, _ message: String, data: JSON.Value? = nil) {
            self.init(code: code.rawValue, message: message, data: data)
        }

        /// The code by its name, where it is one of the published ones.
        package var known: ErrorCode? { ErrorCode(rawValue: code) }
    }

    /// An answer.
    ///
    /// Only a failure to understand the request at all leaves it without an id.
    package struct Response: Sendable, Hashable {
        package var id: ID?
        package var outcome: Result<JSON.Value, Failure>

        package init(id: ID, result: JSON.Value) {
            self.id = id
            outcome = .success(result)
        }

        package init(id: ID?, failure: Failure) {
            self.id = id
            outcome = .failure(failure)
        }

        package var result: JSON.Value? { try? outcome.get() }

        package var failure: Failure? {
            if case .failure(let failure) = outcome { failure } else { nil }
        }
    }

    package enum Message: Sendable, Hashable {
        case request(Request)
        case notification(Notification)
        case response(Response)
    }

    /// What one HTTP body, one SSE event or one line of stdio holds.
    package enum Body: Sendable, Hashable {
        case single(Message)
        /// Only in revision 2025-03-26.
        case batch([Message])

        package var messages: [Message] {
            switch self {
            case .single(let message): [message]
            case .batch(let messages): messages
            }
        }
    }

    /// The error codes of JSON-RPC and those that MCP adds.
    package enum ErrorCode: Int64, Sendable, Hashable, CaseIterable {
        case parse = -32700
        case invalidRequest = -32600
        case methodNotFound = -32601
        case invalidParams = -32602
        case `internal` = -32603
        /// MCP up to 2025-11-25; 2026-07-28 answers `invalidParams` instead.
        case resourceNotFound = -32002
        /// A header and the body disagree, or a required header is missing (2026-07-28).
        case headerMismatch = -32020
        case missingClientCapability = -32021
        /// `data.supported` names the revisions that the server speaks (2026-07-28).
        case unsupportedProtocolVersion = -32022

        /// Whether only a server of the modern era gives this code, so that it answers the question which era it is.
        package var isModern: Bool {
            switch self {
            case .headerMismatch, .missingClientCapability, .unsupportedProtocolVersion: true
            default: false
            }
        }
    }
}
