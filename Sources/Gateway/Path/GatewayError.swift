import Core

/// What the gateway itself says in JSON-RPC, outside the codes that the protocol reserves.
enum GatewayError {
    case denied(reason: String, argument: String?)
    case asked(id: String)
    case revoked
    case posture(PostureFault)
    case noSession
    case withheld(reason: String)
    case unavailable(reason: String)
    /// A canary that the policy allows and that must not reach the server.
    case held

    /// The error as a response; the id goes back byte for byte.
    func body(id: [UInt8]?) -> [UInt8] {
        var bytes = Array("{\"jsonrpc\":\"2.0\",".utf8)
        // Without an id the member is left out: clients of the older era do not read null.
        if let id { bytes += Array("\"id\":".utf8) + id + [UInt8(ascii: ",")] }
        bytes += Array("\"error\":".utf8)
        bytes += JSON.canonical(error)
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private var error: JSON.Value {
        switch self {
        case .denied(let reason, let argument):
            var data: JSON.Object = ["reason": .string(reason), "retryable": false]
            if let argument { data["argument"] = .string(argument) }
            return ["code": 40301, "message": "denied by policy", "data": .object(data)]
        case .asked(let id):
            return [
                "code": 40302, "message": "a person is asked whether this may be done; send it again later",
                "data": ["reason": "asked", "ask": .string(id), "retryable": true],
            ]
        case .revoked:
            return ["code": 40303, "message": "access was revoked", "data": ["reason": "revoked", "retryable": false]]
        case .posture(let fault):
            return [
                "code": 40305, "message": "what the client runs as is not accepted",
                "data": ["reason": .string(fault.rawValue), "retryable": .bool(fault != .revoked)],
            ]
        case .noSession: return ["code": -32001, "message": "session not found"]
        case .withheld(let reason):
            return [
                "code": 40304, "message": "the result was withheld",
                "data": ["reason": .string(reason), "retryable": false],
            ]
        case .held:
            return [
                "code": 40306, "message": "the policy allows this canary, and it was held back",
                "data": ["reason": "held", "retryable": false],
            ]
        case .unavailable(let reason):
            return ["code": 50301, "message": "not available", "data": ["reason": .string(reason), "retryable": true]]
        }
    }
}

extension GatewayError {
    /// The code in JSON-RPC, as text.
    var code: String {
        switch self {
        case .denied: "40301"
        case .asked: "40302"
        case .revoked: "40303"
        case .posture: "40305"
        case .noSession: "-32001"
        case .withheld: "40304"
        case .held: "40306"
        case .unavailable: "50301"
        }
    }

    /// The word for logs.
    var reason: String {
        switch self {
        case .denied(let reason, _), .withheld(let reason), .unavailable(let reason): reason
        case .asked: "asked"
        case .revoked: "revoked"
        case .posture(let fault): fault.rawValue
        case .noSession: "no-session"
        case .held: "held"
        }
    }
}
