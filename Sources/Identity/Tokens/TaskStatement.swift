package import Core

/// The task of a call as `_meta["dev.lockstep/task"]` states it, and how far it can be believed.
///
/// Accepted forms of the value:
/// - `"restock"` or `{"id": "restock", "text": "…"}`: declared by the caller. It can narrow what is allowed, never widen.
/// - a compact JWS, or `{"signed": "<compact JWS>", "id": …, "text": …}`: proven, where the orchestrator signed it.
///
/// The claims of the JWS are `task` (the id), `sub` (the principal that works on it), `aud` (the route's resource), `exp`,
/// and if the task's words are to be believed `text_digest` (`sha256:` and hexadecimal digits of their UTF-8). What stands
/// readable beside a signature must say the same. A signature that cannot be proven refuses the call: whoever sends one
/// wants it to count. The shape is our own; no standard has one yet.
package struct TaskStatement: Sendable, Hashable {
    package enum Assurance: String, Sendable, Hashable {
        case signed, declared
    }

    package let id: String
    package let text: String?
    package let assurance: Assurance
    /// Until when the statement counts, where it is signed.
    package let expiry: Timestamp?

    package static let longestID = 256
    private static let longestText = 64 << 10
    private static let longestLife: Duration = .seconds(86_400)

    /// Reads the value of the member, and proves it where it is signed.
    ///
    /// - Parameters:
    ///   - value: What stands in the message.
    ///   - principal: The caller that its token or certificate proved; nothing where the caller is not proven.
    ///   - resource: The address of the route.
    ///   - orchestrators: The keys that may sign tasks; without any a signed task is refused.
    ///   - now: The time of the request.
    /// - Throws: Why the call is refused.
    package init(
        _ value: JSON.Value,
        principal: String?,
        resource: String,
        orchestrators: KeySet?,
        now: Timestamp
    ) throws(TokenFault) {
        switch value {
        case .string(let text):
            if Self.looksSigned(text) {
                self = try Self.proven(text, [:], principal, resource, orchestrators, now)
            } else {
                try self.init(declared: text, text: nil)
            }
        case .object(let object):
            guard object.keys.allSatisfy({ ["id", "text", "signed"].contains($0) }) else {
                throw Self.fault("the task has a member that is not known")
            }
            if let signed = object["signed"] {
                guard let token = signed.string else { throw Self.fault("`signed` of the task is no text") }
                self = try Self.proven(token, object, principal, resource, orchestrators, now)
            } else {
                guard let id = object["id"]?.string else { throw Self.fault("the task has no id") }
                try self.init(declared: id, text: try Self.words(object))
            }
        default: throw Self.fault("the task is neither a text nor an object")
        }
    }

    private init(declared id: String, text: String?) throws(TokenFault) {
        guard Self.isID(id) else { throw Self.fault("the id of the task is none") }
        self.id = id
        self.text = text
        assurance = .declared
        expiry = nil
    }

    private init(proven id: String, text: String?, expiry: Timestamp) {
        self.id = id
        self.text = text
        assurance = .signed
        self.expiry = expiry
    }

    private static func proven(
        _ token: String,
        _ beside: JSON.Object,
        _ principal: String?,
        _ resource: String,
        _ orchestrators: KeySet?,
        _ now: Timestamp
    ) throws(TokenFault) -> TaskStatement {
        guard let orchestrators else { throw fault("nobody may sign tasks here") }
        guard let principal else { throw fault("a signed task is for a caller that is proven") }
        let read: JSONWebToken
        let expiry: Timestamp
        let audience: [String]
        do throws(TokenFault) {
            read = try JSONWebToken(parsing: Array(token.utf8))
            try read.envelope.verify(by: orchestrators)
            guard let end = try read.time("exp") else { throw fault("the signed task never ends") }
            expiry = end
            audience = try read.audience()
        } catch {
            throw fault("the signed task: \(error.message)")
        }
        // An access token of the same signer is no task.
        guard read.envelope.type == nil || ["jwt", "jose", "task+jwt"].contains(read.envelope.type) else {
            throw fault("the signed task has the type of another token")
        }
        guard now < expiry, expiry <= now + longestLife else {
            throw fault("the signed task has expired, or lives longer than a day")
        }
        for name in ["nbf", "iat"] {
            if let start = try read.time(name), start > now + TokenVerifier.standardSkew {
                throw fault("the signed task is not valid yet")
            }
        }
        guard read.claims["sub"]?.string?.isSameText(as: principal) == true else {
            throw fault("the signed task is for another principal")
        }
        guard audience.contains(where: { $0.isSameText(as: resource) }) else {
            throw fault("the signed task is for another server")
        }
        guard let id = read.claims["task"]?.string, isID(id) else { throw fault("the signed task names no task") }
        if let readable = beside["id"] {
            guard readable.string?.isSameText(as: id) == true else {
                throw fault("the readable id of the task is not the signed one")
            }
        }
        let text = try words(beside)
        if let claim = read.claims["text_digest"] {
            guard let digest = claim.string.flatMap({ Digest($0) }), let text, Digest.sha256(text.utf8) == digest else {
                throw fault("the words of the task are not the signed ones")
            }
        } else if text != nil {
            throw fault("the words beside the signed task are not signed")
        }
        return TaskStatement(proven: id, text: text, expiry: expiry)
    }

    private static func words(_ object: JSON.Object) throws(TokenFault) -> String? {
        guard let value = object["text"] else { return nil }
        guard let text = value.string, text.utf8.count <= longestText else {
            throw fault("the words of the task are no text")
        }
        return text
    }

    /// Whether a text is meant as a JWS: its header begins with `{"`, and it has two dots.
    private static func looksSigned(_ text: String) -> Bool {
        text.hasPrefix("ey") && text.utf8.count { $0 == UInt8(ascii: ".") } >= 2
    }

    /// Printable ASCII without space at an end and without `*`, which stands for every task in policies.
    static func isID(_ text: String) -> Bool {
        let bytes = text.utf8
        return (1...longestID).contains(bytes.count) && bytes.first != 0x20 && bytes.last != 0x20
            && bytes.allSatisfy { 0x20...0x7E ~= $0 && $0 != UInt8(ascii: "*") }
    }

    private static func fault(_ message: String) -> TokenFault {
        TokenFault(.task, message, answer: .forbidden)
    }
}
