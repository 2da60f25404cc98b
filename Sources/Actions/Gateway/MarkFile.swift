import Core
import Gateway
import Identity
import Wire

/// Which arguments tools want mirrored into headers, in a file of the gateway's folder that is sealed with its key.
struct MarkFile: MarkStore {
    let path: String
    /// Keys that seal: the one in use, then those before it.
    let keys: [WorkspaceKey]
    /// Of all servers together; a server that lists more is known by its first ones.
    static let mostTools = 10_000
    private static let limit = 8 << 20

    func load() -> PinnedDefinitions.Marks {
        guard let bytes = try? StoredFile.read(path, limit: Self.limit, kind: .plain, mayFollowLink: false),
            let written = try? JSON.parse(bytes), let seal = written["seal"]?.string,
            let servers = written["servers"], let object = servers.object,
            keys.contains(where: { self.seal(servers, $0) == seal })
        else { return [:] }
        var marks: PinnedDefinitions.Marks = [:]
        for (server, tools) in object {
            for (tool, list) in tools.object ?? [:] {
                marks[server, default: [:]][tool] = (list.array ?? []).compactMap { mark in
                    guard let header = mark["header"]?.string, let path = mark["path"]?.array else { return nil }
                    return HeaderMark(header: header, path: path.compactMap(\.string))
                }
            }
        }
        return marks
    }

    func save(_ marks: PinnedDefinitions.Marks) -> Bool {
        guard let key = keys.first else { return false }
        var left = Self.mostTools
        var servers: JSON.Object = [:]
        for (server, tools) in marks.sorted(by: { $0.key < $1.key }) {
            var written: JSON.Object = [:]
            for (tool, list) in tools.sorted(by: { $0.key < $1.key }).prefix(left) {
                written[tool] = .array(
                    list.map { ["header": .string($0.header), "path": .array($0.path.map(JSON.Value.string))] }
                )
            }
            left -= written.count
            servers[server] = .object(written)
        }
        let value = JSON.Value.object(servers)
        let bytes = JSON.canonical(["servers": value, "seal": .string(seal(value, key))])
        guard bytes.count < Self.limit else { return false }
        do throws(FileFault) {
            try StoredFile.write(bytes, to: path)
            return true
        } catch {
            return false
        }
    }

    private func seal(_ servers: JSON.Value, _ key: WorkspaceKey) -> String {
        Hexadecimal.encode(key.authenticationCode(Array("lockstep.marks/1:".utf8) + JSON.canonical(servers)))
    }
}

extension GatewayFolder {
    func marks(at now: Timestamp) throws -> MarkFile {
        var random = SystemRandomNumberGenerator()
        let ring = try keys.loadOrCreate(.audit, now: now, using: &random)
        return MarkFile(path: root + "/control/marks", keys: [ring.current] + ring.retired)
    }
}
