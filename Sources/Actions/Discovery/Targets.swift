package import Core
package import Playbooks
package import Survey

extension LiteralRule {
    /// An address or a CIDR range of a private network, as `SweepTargets` reads them.
    package static let hosts = LiteralRule(pattern: "^(localhost|[0-9A-Fa-f:.]+(/[0-9]{1,3})?)$") { text in
        let targets: SweepTargets
        do throws(InvalidInput) {
            targets = try SweepTargets(hosts: [text], ports: ["1"])
        } catch {
            if error.diagnostics.contains(where: { $0.code == "discover.too-many" }) {
                return .forbidden(
                    "holds more than \(SweepTargets.largest) addresses",
                    help: "name a smaller range, or split the sweep"
                )
            }
            return .malformed(
                "is not an address or a CIDR range",
                help: "give addresses such as `127.0.0.1`, `10.0.0.0/24` or `fd00::/120`"
            )
        }
        guard let address = targets.firstPublic else { return .fine }
        return .forbidden(
            address.description == text
                ? "is a public address, and playbooks sweep private networks only"
                : "reaches the public address `\(address)`, and playbooks sweep private networks only",
            help: "run `lockstep discover --hosts … --yes-i-may-scan` by hand"
        )
    }

    /// A port or a range of ports.
    package static let ports = LiteralRule(pattern: "^[0-9]{1,5}(-[0-9]{1,5})?$") { text in
        (try? SweepTargets(hosts: [], ports: [text])) == nil
            ? .malformed(
                "is not a port or a range of ports",
                help: "give ports from 1 to 65535, such as `443` or `8000-8100`"
            ) : .fine
    }

    /// A folder of this machine that is looked at: by its whole path, since a run has no current folder.
    package static let folder = LiteralRule(pattern: "^/") { path in
        if !path.hasPrefix("/") {
            return .malformed("is not an absolute path", help: "write the whole path, as in `/home/ana`")
        }
        if WorkspacePath.touchesState(path) {
            return .forbidden("leads into the state of a workspace", help: "name a home or a project folder")
        }
        return .fine
    }
}

extension SweepTargets {
    /// The MCP servers of an inventory that a sweep of these targets should have met and did not describe.
    package func missed(of servers: [InventoryServer], in result: SurveyResult) -> [MissedServer] {
        let described = Set(result.sightings.filter { $0.description != nil }.map(\.canonicalKey))
        return servers.compactMap { server in
            guard server.kind == .mcp, !described.contains(server.canonicalKey),
                let address = CanonicalKey.address(server.canonicalKey), let host = Address(address.host),
                let port = UInt16(exactly: address.port), contains(Endpoint(address: host, port: port))
            else { return nil }
            return MissedServer(canonicalKey: server.canonicalKey, reason: "nothing that speaks mcp answered there")
        }
    }
}
