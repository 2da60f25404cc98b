import Core
import Gateway
import Identity
import NIOSSL

extension GatewayFiles {
    /// What tells subscribers of kills; nothing where the document has none.
    ///
    /// The public key is left in the gateway's folder, as a key set to hand to them.
    func events(keptIn folder: GatewayFolder, at now: Timestamp) throws -> SecurityEvents? {
        guard !document.subscribers.isEmpty else { return nil }
        var random = SystemRandomNumberGenerator()
        let ring = try folder.keys.loadOrCreate(.event, now: now, using: &random)
        let signers = ([ring.current] + ring.retired).map { $0.eventSigner() }
        let set = JSON.canonical(["keys": .array(signers.map(\.published))]) + [0x0A]
        do throws(FileFault) {
            try StoredFile.write(set, to: folder.root + "/control/events.jwks.json", mode: 0o644)
        } catch {
            throw GatewayRuntime.Failure("events", "the key that signs events cannot be written: \(error.sentence)")
        }
        return SecurityEvents(
            issuer: document.configuration.address ?? "urn:lockstep:gateway:\(document.configuration.id)",
            signer: signers[0],
            subscribers: try document.subscribers.map(subscriber),
            outside: SecurityEvents.Outside(
                push: { await $0.push($1) },
                pause: { try await Task.sleep(for: $0) },
                elapsed: RevocationPull.clock(),
                newID: {
                    var random = SystemRandomNumberGenerator()
                    return Hexadecimal.encode((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) })
                }
            )
        )
    }

    private func subscriber(_ written: GatewayDocument.Subscriber) throws -> EventSubscriber {
        guard let url = RoutedURL(written.url) else {
            throw GatewayRuntime.Failure("events", "`\(written.url)` is no address", isInput: true)
        }
        var credential: Redacted<String>?
        if let name = written.credential {
            let text = String(decoding: try bytes(name, as: "the credential"), as: UTF8.self)
            let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
            guard !line.isEmpty, line.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
                throw GatewayRuntime.Failure(
                    "events",
                    "`\(name)` does not hold what could be sent as `Authorization`",
                    help: "write it as `Bearer TOKEN` on one line",
                    isInput: true
                )
            }
            credential = Redacted(line)
        }
        return EventSubscriber(
            endpoint: .init(host: url.host, port: url.port ?? (url.isTLS ? 443 : 80)),
            path: url.path.isEmpty ? "/" : url.path,
            audience: written.audience,
            credential: credential,
            tls: url.isTLS ? try context(authorities: written.authorities) : nil
        )
    }
}
