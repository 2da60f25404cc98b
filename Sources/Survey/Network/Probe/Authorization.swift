import Core
import Wire

/// Finds out what a server that refuses strangers wants to see, by asking that same server and nobody else.
struct AuthorizationCheck {
    let client: HTTPClient
    let path: String
    private(set) var gaps: [String] = []

    init(client: HTTPClient, path: String) {
        self.client = client
        self.path = path
    }

    mutating func run(_ report: EraProbe.Report) async -> ServerDescription.Authentication {
        guard report.isChallenged else { return .none }
        let hasBearer =
            report.challenges.isEmpty || report.challenges.contains { $0.scheme == "bearer" || $0.scheme == "dpop" }
        if hasBearer, let found = await metadata(report.challenges) { return found }
        return report.challenges.first.map { .bearer(scheme: Shown.text($0.scheme, limit: 32)) } ?? .unknown
    }

    private mutating func metadata(
        _ challenges: [AuthenticationChallenge]
    ) async -> ServerDescription.Authentication? {
        var paths: [String] = []
        for hint in challenges.compactMap(\.resourceMetadata).prefix(2) {
            if let local = localPath(hint) {
                paths.append(local)
            } else {
                gaps.append("its authorization metadata is said to be at another host, which was not asked")
            }
        }
        let own = String(path.prefix { $0 != "?" })
        for candidate in ProtectedResource.paths(forResourceAt: own) where !paths.contains(candidate) {
            paths.append(candidate)
        }
        for candidate in paths {
            let request = HTTPExchange.Request(path: candidate, headers: [(name: "Accept", value: "application/json")])
            guard let answer = try? await client.send(request), answer.status == 200 else { continue }
            guard let value = try? JSON.parse(answer.body), let resource = try? ProtectedResource(value) else {
                gaps.append("its authorization metadata is malformed")
                continue
            }
            guard CanonicalKey.url(resource.resource) == CanonicalKey.url(client.origin.text + own) else {
                gaps.append("its authorization metadata is about another address")
                continue
            }
            return .oauth(
                metadata: client.origin.text + candidate,
                issuers: resource.authorizationServers.prefix(16).map { Shown.text($0, limit: 512) }
            )
        }
        return nil
    }

    /// The path of an address on the very server that named it; the names of the loopback interface count as one.
    private func localPath(_ url: String) -> String? {
        guard let address = CanonicalKey.address(url), address.isEncrypted == client.origin.isEncrypted,
            let own = CanonicalKey.address(client.origin.text), address.port == own.port,
            address.host == own.host || (address.isLoopback && own.isLoopback)
        else { return nil }
        return address.path
    }
}
