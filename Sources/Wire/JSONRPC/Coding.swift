package import Core

extension JSONRPC {
    /// How many messages a batch may hold before it is refused.
    package static let batchLimit = 128

    /// Reads what one frame holds.
    ///
    /// The revision spoken decides whether an array is a batch or an error.
    package static func parse(
        _ bytes: [UInt8],
        revision: ProtocolRevision,
        limits: JSON.Limits = .standard
    ) throws(Malformed) -> Body {
        let value: JSON.Value
        do throws(JSON.ScanError) {
            value = try JSON.parse(bytes, limits: limits)
        } catch {
            throw Malformed(.json(error), at: "")
        }
        return try body(value, revision: revision)
    }

    /// Reads the messages in a value that has been scanned already.
    package static func body(_ value: JSON.Value, revision: ProtocolRevision) throws(Malformed) -> Body {
        guard let elements = value.array else { return .single(try Message(value)) }
        guard revision.allowsBatches else { throw Malformed(.kind(expected: "object"), at: "") }
        guard !elements.isEmpty else { throw Malformed(.missing, at: "") }
        guard elements.count <= batchLimit else { throw Malformed(.limit(batchLimit), at: "") }
        var messages: [Message] = []
        for element in elements {
            messages.append(try Message(element))
        }
        return .batch(messages)
    }
}

extension JSONRPC {
    /// A response whose id has every digit of the request's; the canonical form would round beyond 2^53.
    fileprivate static func encode(id: ID?, _ outcome: [UInt8], as member: String) -> [UInt8] {
        Array("{\"jsonrpc\":\"2.0\",\"id\":".utf8) + (id?.encoded ?? Array("null".utf8))
            + Array(",\"\(member)\":".utf8) + outcome + [UInt8(ascii: "}")]
    }
}

extension JSONRPC.ID {
    fileprivate var encoded: [UInt8] {
        switch self {
        case .integer(let number): Array(String(number).utf8)
        case .string: JSON.canonical(value)
        }
    }

    /// Reads an id; a fraction, a boolean, an array or `null` is none.
    package init(_ value: JSON.Value) throws(Malformed) {
        switch value {
        case .integer(let number): self = .integer(number)
        case .string(let text): self = .string(text)
        default: throw Malformed(.kind(expected: "string or integer"), at: "id")
        }
    }
}

extension JSONRPC.Message {
    /// Reads one message.
    ///
    /// Members that the specification does not name are ignored; a message that could be two things
    /// is refused.
    package init(_ value: JSON.Value) throws(Malformed) {
        guard let object = value.object else { throw Malformed(.kind(expected: "object"), at: "") }
        guard try object.text("jsonrpc") == "2.0" else { throw Malformed(.value, at: "jsonrpc") }
        let answers = object["result"] != nil || object["error"] != nil
        guard object["method"] != nil else {
            guard answers else { throw Malformed(.missing, at: "method") }
            self = .response(try JSONRPC.Response(object))
            return
        }
        guard !answers else { throw Malformed(.contradiction, at: "method") }
        let method = try object.text("method")
        // JSON-RPC also knows parameters by position; no revision of MCP does.
        let params: JSON.Object? = if object["params"] == nil { nil } else { try object.nested("params") }
        if let id = object["id"] {
            self = .request(JSONRPC.Request(id: try JSONRPC.ID(id), method: method, params: params))
        } else {
            self = .notification(JSONRPC.Notification(method: method, params: params))
        }
    }

    package var value: JSON.Value {
        switch self {
        case .request(let request): request.value
        case .notification(let notification): notification.value
        case .response(let response): response.value
        }
    }

    /// The message as it is sent.
    package var encoded: [UInt8] {
        switch self {
        case .request(let request): request.encoded
        case .notification(let notification): notification.encoded
        case .response(let response): response.encoded
        }
    }
}

extension JSONRPC.Response {
    fileprivate init(_ object: JSON.Object) throws(Malformed) {
        guard let error = object["error"] else {
            guard let id = object["id"] else { throw Malformed(.missing, at: "id") }
            self.init(id: try JSONRPC.ID(id), result: object["result"] ?? .null)
            return
        }
        guard object["result"] == nil else { throw Malformed(.contradiction, at: "error") }
        guard let error = error.object else { throw Malformed(.kind(expected: "object"), at: "error") }
        guard case .integer(let code)? = error["code"] else {
            throw Malformed(error["code"] == nil ? .missing : .kind(expected: "integer"), at: "error.code")
        }
        guard let message = error["message"]?.string else {
            throw Malformed(error["message"] == nil ? .missing : .kind(expected: "string"), at: "error.message")
        }
        let id: JSONRPC.ID? =
            if let id = object["id"], id != .null { try JSONRPC.ID(id) } else { nil }
        self.init(id: id, failure: JSONRPC.Failure(code: code, message: message, data: error["data"]))
    }

    package var value: JSON.Value {
        var object: JSON.Object = ["jsonrpc": "2.0", "id": id?.value ?? .null]
        switch outcome {
        case .success(let result): object["result"] = result
        case .failure(let failure): object["error"] = failure.value
        }
        return .object(object)
    }

    package var encoded: [UInt8] {
        switch outcome {
        case .success(let result): JSONRPC.encode(id: id, JSON.canonical(result), as: "result")
        case .failure(let failure): JSONRPC.encode(id: id, JSON.canonical(failure.value), as: "error")
        }
    }
}

extension JSONRPC.Request {
    package var value: JSON.Value {
        var object: JSON.Object = ["jsonrpc": "2.0", "id": id.value, "method": .string(method)]
        object["params"] = params.map(JSON.Value.object)
        return .object(object)
    }

    package var encoded: [UInt8] {
        var message = Array("{\"jsonrpc\":\"2.0\",\"id\":".utf8) + id.encoded + Array(",\"method\":".utf8)
        message += JSON.canonical(.string(method))
        if let params { message += Array(",\"params\":".utf8) + JSON.canonical(.object(params)) }
        return message + [UInt8(ascii: "}")]
    }
}

extension JSONRPC.Notification {
    package var value: JSON.Value {
        var object: JSON.Object = ["jsonrpc": "2.0", "method": .string(method)]
        object["params"] = params.map(JSON.Value.object)
        return .object(object)
    }

    package var encoded: [UInt8] { JSON.canonical(value) }
}

extension JSONRPC.Failure {
    package var value: JSON.Value {
        var object: JSON.Object = ["code": .integer(code), "message": .string(message)]
        object["data"] = data
        return .object(object)
    }
}
