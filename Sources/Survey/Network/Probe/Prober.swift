package import Core
package import Wire

/// Examines one address: which protocol it speaks, and, where that is MCP, everything it offers.
///
/// Read-only by construction: it opens, lists and closes, and never calls a tool, reads a resource or gets a prompt.
package struct Prober: Sendable {
    /// Where servers are looked for on a port of which nothing else is known.
    package static let paths = ["/mcp", "/", "/sse"]
    /// How many paths of one port are asked at most, so that no server is searched.
    static let mostPaths = 6

    package let limits: ProbeLimits
    package let calls: Calls

    /// Makes a prober that introduces itself under this version.
    package init(limits: ProbeLimits = ProbeLimits(), version: String = "0") {
        self.limits = limits
        calls = Calls(client: Implementation(name: "lockstep", title: "Lockstep discovery", version: version))
    }

    /// Examines an open port; costs at most the time that the limits allow an endpoint.
    ///
    /// Cleartext HTTP is tried first, because asking it of a TLS port costs one refused request, while the reverse
    /// makes many small servers log a failure.
    ///
    /// The known paths are where clients expect MCP servers on this port; the usual ones are tried after them, six in all.
    /// The token is sent only after the server has asked for one, and only to this machine or over trusted TLS.
    package func probe(
        _ endpoint: Endpoint,
        paths known: [String] = [],
        token: Redacted<String>? = nil
    ) async -> ProbeOutcome {
        let deadline = ContinuousClock.now + limits.endpoint
        let named = known.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        let first = Array(named.prefix(Self.mostPaths - Self.paths.count))
        let paths = first + Self.paths.filter { !first.contains($0) }
        let host = endpoint.address.description
        let plain = client(Origin(isEncrypted: false, host: host, port: Int(endpoint.port)), deadline)
        let answer = await knock(plain, paths[0])
        if case .failure(let failure) = answer, failure.code == .unreachable {
            return missed(endpoint.description, failure.reason)
        }
        var chosen = plain
        var contact = answer
        if Self.suggestsTLS(answer) {
            let secure = client(Origin(isEncrypted: true, host: host, port: Int(endpoint.port)), deadline)
            let second = await knock(secure, paths[0])
            if case .success = second {
                await plain.close()
                chosen = secure
                contact = second
            } else {
                await secure.close()
            }
        }
        let examination = Examination(
            client: chosen,
            calls: calls,
            limits: limits,
            location: endpoint.description,
            isLoopback: endpoint.address.isLoopback,
            token: token
        )
        let outcome = await examination.run(paths: paths, first: contact, isPathCertain: false)
        await chosen.close()
        return outcome
    }

    /// Examines the server at a URL, as a configuration names it: this scheme, this path, nothing else.
    ///
    /// A host name is resolved, so this is for addresses that somebody wrote down, not for guesses.
    package func describe(url: String, token: Redacted<String>? = nil) async -> ProbeOutcome {
        guard let address = CanonicalKey.address(url), address.scheme.hasPrefix("http") else {
            return missed(Shown.text(CanonicalKey.url(url) ?? "address"), "only http and https addresses can be asked")
        }
        // A query may hold what the server needs to let its client in; it is sent, and kept out of every record.
        let query = url.firstIndex(of: "?").map { url[$0...].prefix { $0 != "#" } } ?? ""
        let isSendable = query.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        let path = address.path + (isSendable ? String(query) : "")
        let client = client(
            Origin(isEncrypted: address.isEncrypted, host: address.host, port: address.port),
            ContinuousClock.now + limits.endpoint
        )
        let first = await knock(client, path)
        if case .failure(let failure) = first, failure.code == .unreachable || failure.code == .tls {
            await client.close()
            return missed(CanonicalKey.url(address), failure.reason)
        }
        let examination = Examination(
            client: client,
            calls: calls,
            limits: limits,
            location: CanonicalKey.url(address),
            isLoopback: address.isLoopback,
            token: token
        )
        let outcome = await examination.run(paths: [path], first: first, isPathCertain: true)
        await client.close()
        return outcome
    }

    private func client(_ origin: Origin, _ deadline: ContinuousClock.Instant) -> HTTPClient {
        HTTPClient(origin: origin, limits: limits.exchange, deadline: deadline)
    }

    private func knock(
        _ client: HTTPClient,
        _ path: String
    ) async -> Result<HTTPExchange.Answer, HTTPExchange.Failure> {
        do throws(HTTPExchange.Failure) {
            return .success(
                try await client.send(Conversation(client: client, path: path, calls: calls).openingRequest)
            )
        } catch {
            return .failure(error)
        }
    }

    private func missed(_ subject: String, _ reason: String) -> ProbeOutcome {
        var outcome = ProbeOutcome()
        outcome.gaps = [CoverageGap(subject: subject, reason: reason)]
        return outcome
    }

    /// Whether the answer to cleartext is what ports that want TLS give.
    static func suggestsTLS(_ contact: Result<HTTPExchange.Answer, HTTPExchange.Failure>) -> Bool {
        switch contact {
        case .success(let answer):
            // Go, nginx and Apache answer cleartext on a TLS port with a 400 that says so.
            let text = String(decoding: answer.body.prefix(1024), as: UTF8.self).lowercased()
            return answer.status == 400 && text.contains("https")
        case .failure(let failure):
            switch failure.code {
            case .closed, .silent: return true
            case .notHTTP, .truncated:
                // A banner in plain text is no TLS; an alert record (RFC 8446 §6) begins with 0x15.
                return failure.sample.isEmpty || failure.sample[0] < 0x20 || failure.sample[0] >= 0x7F
            default: return false
            }
        }
    }
}
