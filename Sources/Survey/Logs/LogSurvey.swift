package import Core
import Inspection

/// Reads which MCP servers the logs of clients and of HTTP servers speak of.
///
/// Client logs name a server in their file name (`mcp-server-NAME.log` of Claude Desktop) or in brackets on lines about
/// messages (`mcp.log`). Access logs count where a line has `Mcp-*` headers or a path that MCP servers use; a host must
/// be in the line, since a path alone is no address. Read-only, and bounded in bytes, lines and servers.
package struct LogSurvey: Sendable {
    package struct Limits: Sendable {
        package var bytes: Int
        package var lineBytes: Int
        package var servers: Int

        package init(bytes: Int = 64 << 20, lineBytes: Int = 64 << 10, servers: Int = 1000) {
            self.bytes = bytes
            self.lineBytes = lineBytes
            self.servers = servers
        }
    }

    let files: [String]
    let limits: Limits
    let digest: @Sendable (String) -> String
    let known: @Sendable (String) -> String?

    /// `known` gives the canonical key of a server by a name of it.
    package init(
        files: [String],
        limits: Limits = Limits(),
        digest: @escaping @Sendable (String) -> String,
        known: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        self.files = files
        self.limits = limits
        self.digest = digest
        self.known = known
    }

    package func run() -> SurveyResult {
        var result = SurveyResult(examined: ["log files": 0, "log lines": 0])
        var seen: Set<String> = []
        for file in files {
            do throws(FileRefusal) {
                let bytes = try ReadOnlyFiles.read(file, limit: limits.bytes).bytes
                result.examined["log files", default: 0] += 1
                read(bytes, file, &seen, &result)
            } catch {
                result.gaps.append(CoverageGap(subject: file, reason: error.reason))
            }
        }
        return result
    }

    private func read(_ bytes: [UInt8], _ file: String, _ seen: inout Set<String>, _ result: inout SurveyResult) {
        let location = Credentials.redact(Shown.text(file))
        var (long, hostless, excess) = (0, 0, 0)
        func add(_ key: String, name: String, url: String?, secrets: [SecretReference] = []) {
            guard !seen.contains(key) else { return }
            guard seen.count < limits.servers else {
                excess += 1
                return
            }
            seen.insert(key)
            let isLegacy = url?.hasSuffix("/sse") == true
            result.sightings.append(
                Sighting(
                    source: "log",
                    location: location,
                    canonicalKey: key,
                    name: name,
                    transport: isLegacy ? .legacySSE : .unknown,
                    url: url,
                    secrets: secrets
                )
            )
        }
        func add(named name: String) {
            let name = Credentials.redact(Shown.text(name, limit: 100)).trimmingWhiteSpace()
            guard !name.isEmpty else { return }
            let key = known(name)
            add(key ?? "unmapped:\(name)", name: key == nil ? "unmapped:\(name)" : name, url: nil)
        }
        let base = file.split(separator: "/").last.map(String.init) ?? file
        let own = base.hasPrefix("mcp-server-") ? base.dropFirst(11).prefix { $0 != "." } : ""
        if !own.isEmpty { add(named: String(own)) }
        for line in bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) {
            result.examined["log lines", default: 0] += 1
            guard line.count <= limits.lineBytes else {
                long += 1
                continue
            }
            guard LogLine.mayMatter(line) else { continue }
            let text = LogLine(String(decoding: line, as: UTF8.self))
            // The file that belongs to one server names others only in what that server says.
            if own.isEmpty, let name = text.clientServer { add(named: name) }
            for url in text.urls {
                var hiding = SecretHiding(digest: digest)
                guard let address = hiding.address(url) else { continue }
                add(
                    CanonicalKey.url(address),
                    name: address.host,
                    url: address.text,
                    secrets: hiding.references.filter { !$0.digest.isEmpty }
                )
            }
            if text.urls.isEmpty, text.hasHostlessRequest { hostless += 1 }
        }
        for (count, reason) in [
            (long, "lines are longer than \(limits.lineBytes) bytes and were not read"),
            (hostless, "requests to mcp paths do not name their host"),
            (excess, "servers are more than \(limits.servers) and were left out"),
        ] where count > 0 {
            result.gaps.append(CoverageGap(subject: location, reason: "\(count) \(reason)"))
        }
    }
}
