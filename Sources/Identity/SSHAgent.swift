/// A running ssh-agent: lists its keys and has it sign, so that a private key never enters this process.
///
/// One connection a request, frames of at most 256 KiB (as OpenSSH itself allows), and a time limit over the whole
/// exchange. The limit has to leave time for a person: an agent may ask for a confirmation or a touch.
/// Format: draft-ietf-sshm-ssh-agent.
package struct SSHAgent: Sendable {
    package let socket: String
    package let limit: Duration

    private enum Message {
        static let failure: UInt8 = 5
        static let requestIdentities: UInt8 = 11
        static let identitiesAnswer: UInt8 = 12
        static let signRequest: UInt8 = 13
        static let signResponse: UInt8 = 14
    }

    /// Asks for `rsa-sha2-512`; without the flag an agent would sign with SHA-1.
    private static let rsaSHA512: UInt32 = 4
    private static let maximumFrame = 256 * 1024
    private static let maximumKeys = 2048

    package init(socket: String, limit: Duration = .seconds(60)) {
        self.socket = socket
        self.limit = limit
    }

    /// The agent that the environment names in `SSH_AUTH_SOCK`.
    package init(environment: [String: String], limit: Duration = .seconds(60)) throws(SSHError) {
        guard let socket = environment["SSH_AUTH_SOCK"], !socket.isEmpty else {
            throw SSHError(
                .agentUnavailable,
                "no ssh-agent is known: `SSH_AUTH_SOCK` is not set",
                help: "start one with `eval $(ssh-agent)` and load your key with `ssh-add`, or name a key file"
            )
        }
        self.init(socket: socket, limit: limit)
    }

    /// The agent's keys that this program can use, in the agent's order; certificates and unknown types are left out.
    package func keys() throws(SSHError) -> [SSHPublicKey] {
        var reader = try exchange([Message.requestIdentities], expecting: Message.identitiesAnswer)
        let count = try reader.uint32()
        guard count <= Self.maximumKeys else { throw reader.fault("names \(count) keys") }
        var keys: [SSHPublicKey] = []
        for _ in 0..<count {
            let blob = try reader.string()
            let comment = try reader.string()
            // A comment is any bytes for the agent, and only decoration for us.
            guard let key = try? SSHPublicKey(blob: blob, comment: String(decoding: comment, as: UTF8.self)) else {
                continue
            }
            keys.append(key)
        }
        try reader.finish()
        return keys
    }

    /// The encoded signature over bytes by one of the agent's keys; not yet verified.
    func signature(of bytes: [UInt8], by key: SSHPublicKey) throws(SSHError) -> [UInt8] {
        var request = SSHWriter()
        request.byte(Message.signRequest)
        request.string(key.blob)
        request.string(bytes)
        request.uint32(key.kind == .rsa ? Self.rsaSHA512 : 0)
        guard request.bytes.count <= Self.maximumFrame else {
            throw SSHError(.signingFailed, "the message is too long for ssh-agent")
        }
        var reader = try exchange(request.bytes, expecting: Message.signResponse, refusal: key)
        let signature = try reader.string()
        try reader.finish()
        return signature
    }

    private func exchange(
        _ request: [UInt8],
        expecting expected: UInt8,
        refusal key: SSHPublicKey? = nil
    ) throws(SSHError) -> SSHReader {
        let answer: [UInt8]
        do throws(UnixSocket.Fault) {
            let connection = try UnixSocket(path: socket, limit: limit)
            var frame = SSHWriter()
            frame.string(request)
            try connection.write(frame.bytes)
            answer = try connection.frame(maximum: Self.maximumFrame)
        } catch {
            throw Self.error(for: error)
        }
        var reader = SSHReader(answer, code: .agentProtocol, subject: "the answer of ssh-agent")
        let type = try reader.byte()
        if type == Message.failure {
            guard let key else { throw SSHError(.agentRefused, "ssh-agent refused to list its keys") }
            throw SSHError(
                .agentRefused,
                "ssh-agent refused to sign with the key `\(key.fingerprint)`",
                help: "see `ssh-add -l`: the key may be missing, locked, or waiting for a confirmation"
            )
        }
        guard type == expected else { throw reader.fault("has the unexpected type \(type)") }
        return reader
    }

    private static func error(for fault: UnixSocket.Fault) -> SSHError {
        switch fault {
        case .timeout:
            SSHError(.agentTimeout, "ssh-agent did not answer in time")
        case .closed:
            SSHError(.agentProtocol, "ssh-agent closed the connection")
        case .frame(let length):
            SSHError(.agentProtocol, "ssh-agent answered with a frame of \(length) bytes")
        case .pathTooLong, .failed:
            SSHError(
                .agentUnavailable,
                "ssh-agent cannot be reached: \(fault.sentence)",
                help: "check `SSH_AUTH_SOCK`, or name a key file"
            )
        }
    }
}
