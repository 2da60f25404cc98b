package import Core

/// Why a message does not go on, in the words that its sender is told.
///
/// No text of the message enters the sentence, so that it can be logged and shown as it is. The id is a place in the
/// message's own bytes: it goes back digit by digit, and is never rounded or rewritten.
package struct Refusal: Error, Sendable, Hashable {
    /// The reasons; the raw value is stable.
    package enum Reason: String, Sendable, Hashable, CaseIterable {
        case notJSON = "not-json"
        case notUTF8 = "not-utf8"
        case duplicateKey = "duplicate-key"
        case tooDeep = "too-deep"
        case tooLarge = "too-large"
        /// A number that readers with doubles and readers with decimals or whole numbers take for different ones.
        case number = "number"
        case notJSONRPC = "not-jsonrpc"
        case batch = "batch"
        case id = "id"
        case method = "method"
        case unknownMethod = "unknown-method"
        case params = "params"
        case response = "response"
        case header = "header"
        case version = "version"
    }

    package var code: Int64
    /// The HTTP status; on stdio it means nothing.
    package var status: Int
    package var reason: Reason
    /// One sentence, lower-case, without a full stop.
    package var sentence: String
    /// Where the id stands in the message, where exactly one can be read.
    package var id: Range<Int>?
    package var data: JSON.Value?

    package init(
        _ code: JSONRPC.ErrorCode,
        _ reason: Reason,
        _ sentence: String,
        status: Int = 400,
        id: Range<Int>? = nil,
        data: JSON.Value? = nil
    ) {
        self.code = code.rawValue
        self.status = status
        self.reason = reason
        self.sentence = sentence
        self.id = id
        self.data = data
    }
}

extension Refusal {
    /// The JSON-RPC error as it is sent, with the id that stands in the message's bytes, or `null`.
    package func body(in message: Span<UInt8>) -> [UInt8] {
        guard let id, id.upperBound <= message.count else { return body(id: nil) }
        return body(id: message.extracting(id).copied)
    }

    /// The JSON-RPC error as it is sent.
    ///
    /// `id` is the bytes of the id as the request had them; `null` stands where none could be read (JSON-RPC 2.0 §5).
    package func body(id: [UInt8]?) -> [UInt8] {
        var data = JSON.Object()
        data["reason"] = .string(reason.rawValue)
        if let more = self.data?.object {
            for (key, value) in more { data[key] = value }
        }
        let error: JSON.Value = [
            "code": .integer(code), "message": .string(sentence), "data": .object(data),
        ]
        return Array("{\"jsonrpc\":\"2.0\",\"id\":".utf8) + (id ?? Array("null".utf8)) + Array(",\"error\":".utf8)
            + JSON.canonical(error) + [UInt8(ascii: "}")]
    }

    /// The same as one event of a stream.
    package func event(id: [UInt8]?) -> [UInt8] {
        Array("event: message\ndata: ".utf8) + body(id: id) + Array("\n\n".utf8)
    }
}

extension Span<UInt8> {
    /// The bytes as an array of their own.
    var copied: [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            for at in 0..<count { unsafe buffer.initializeElement(at: at, to: self[at]) }
            filled = count
        }
    }
}
