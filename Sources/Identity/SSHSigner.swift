/// Something that can sign with one known key: a key file, or an ssh-agent that holds it.
package enum SSHSigner: Sendable {
    case file(SSHPrivateKey)
    case agent(SSHAgent, SSHPublicKey)

    package var publicKey: SSHPublicKey {
        switch self {
        case .file(let key): key.publicKey
        case .agent(_, let key): key
        }
    }

    /// The signer for a key file named by a person.
    ///
    /// A public key file stands for its private half in ssh-agent, as with git's `user.signingKey`.
    package static func named(
        file path: String,
        environment: [String: String]
    ) throws(SSHError) -> SSHSigner {
        let text = try SSHKeyFile.read(path, isSecret: false)
        guard !text.starts(with: "-----BEGIN ".utf8) else {
            // Read again with the check of its rights, on the file that is really opened.
            return .file(try SSHPrivateKey(file: path))
        }
        guard let line = String(validating: text, as: UTF8.self), let key = try? SSHPublicKey(line: line) else {
            throw SSHError(.malformedKey, "the file `\(path)` is neither an OpenSSH private key nor a public key")
        }
        return try held(by: try SSHAgent(environment: environment), among: [key])
    }

    /// The signer for the first of an agent's keys that is among those that count.
    package static func held(by agent: SSHAgent, among known: [SSHPublicKey]) throws(SSHError) -> SSHSigner {
        guard let key = try agent.keys().first(where: { known.contains($0) }) else {
            let wanted = known.map { "`\($0.fingerprint)`" }.joined(separator: ", ")
            throw SSHError(
                .keyNotInAgent,
                "ssh-agent holds none of the known keys" + (known.isEmpty ? "" : ": \(wanted)"),
                help: "load it with `ssh-add FILE`, or name the key file"
            )
        }
        return .agent(agent, key)
    }

    /// Signs a message for one purpose.
    ///
    /// The result is verified before it is returned: a broken agent, or a fault while computing, must not leak a bad
    /// signature nor be noticed only by whoever reads the vote.
    package func sign(
        _ message: [UInt8],
        namespace: String,
        hash: SSHSignature.Hash = .sha512
    ) throws(SSHError) -> SSHSignature {
        precondition(!namespace.isEmpty, "a signature needs a namespace")
        let bytes = SSHSignature.signedBytes(message: message, namespace: namespace, hash: hash)
        let encoded =
            switch self {
            case .file(let key): try key.signature(of: bytes)
            case .agent(let agent, let key): try agent.signature(of: bytes, by: key)
            }
        let signature = SSHSignature(key: publicKey, namespace: namespace, hash: hash, signature: encoded)
        _ = try signature.verify(message, namespace: namespace, allowed: [publicKey])
        return signature
    }
}
