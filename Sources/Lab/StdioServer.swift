import Core
import Glibc
import Wire

/// One server over standard input and output, one message a line, and some that misbehave.
enum StdioServer {
    private static let faults: Set<String> = ["hang", "flood", "fork", "stubborn"]

    /// Runs until the input ends; answers the exit code, or nothing where no server has the name.
    static func run(_ name: String) -> Int32? {
        // A reader that goes away must end the server by a failed write, not by a signal with no explanation.
        signal(SIGPIPE, SIG_IGN)
        if !faults.contains(name) {
            let match = Estate.blueprints(seed: 1).first {
                $0.name == name || ($0.name == "retail-inventory" && name == "retail")
            }
            return match.map { serve(LabServer($0, seed: 1, driftAfter: 0)) }
        }
        switch name {
        case "hang": sleepUnlessKilled()
        case "flood": return flood()
        case "stubborn":
            signal(SIGTERM, SIG_IGN)
            signal(SIGHUP, SIG_IGN)
            sleepUnlessKilled()
        default:
            guard let child = spawnStubborn() else { return 1 }
            FileHandleText.standardError("child \(child)\n")
            return serve(LabServer(.retail(seed: 1), seed: 1, driftAfter: 0))
        }
    }

    /// Two minutes at most: a test that fails must not leave a process behind for good.
    private static func sleepUnlessKilled() -> Never {
        sleep(120)
        exit(0)
    }

    /// Writes without being asked, in lines that are JSON and answer nothing.
    private static func flood() -> Int32 {
        let line = Array((String(repeating: " ", count: 65_000) + "{\"jsonrpc\":\"2.0\",\"method\":\"noise\"}\n").utf8)
        while FileHandleText.write(line, to: 1) {}
        return 1
    }

    /// Starts this program again as a child that takes no notice of SIGTERM and holds the pipes open.
    private static func spawnStubborn() -> pid_t? {
        var child: pid_t = 0
        let words = ["lockstep-lab", "stdio", "stubborn"]
        var pointers: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer { unsafe pointers.forEach { unsafe free($0) } }
        let result = unsafe posix_spawn(&child, "/proc/self/exe", nil, nil, pointers, environ)
        return result == 0 ? child : nil
    }

    private static func serve(_ server: LabServer) -> Int32 {
        var opened: ProtocolRevision?
        var pending: [UInt8] = []
        while let bytes = read() {
            pending += bytes
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(pending[..<end])
                pending.removeSubrange(...end)
                guard !line.isEmpty, let answer = answer(line, server: server, opened: &opened) else { continue }
                guard FileHandleText.write(answer.encoded + [UInt8(ascii: "\n")], to: 1) else { return 1 }
            }
        }
        return 0
    }

    /// The way the client opens selects the era (2026-07-28, "Versioning and Compatibility").
    private static func answer(
        _ line: [UInt8],
        server: LabServer,
        opened: inout ProtocolRevision?
    ) -> JSONRPC.Response? {
        let supported = server.blueprint.legacyRevisions
        guard let value = try? JSON.parse(line) else {
            return JSONRPC.Response(id: nil, failure: JSONRPC.Failure(.parse, "Parse error"))
        }
        guard let message = try? JSONRPC.Message(value) else {
            return JSONRPC.Response(id: nil, failure: JSONRPC.Failure(.invalidRequest, "Invalid request"))
        }
        guard case .request(let request) = message else { return nil }
        let isModern = request.params?["_meta"]?[MetaKey.protocolVersion] != nil
        if !server.blueprint.modernRevisions.isEmpty, isModern || supported.isEmpty {
            if request.method == "initialize" {
                let failure = server.unsupported(request.params?.text("protocolVersion") ?? "")
                return JSONRPC.Response(id: request.id, failure: failure)
            }
            return server.answer(message, revision: .latest)
        }
        if request.method == "initialize" {
            let asked = request.params.flatMap { ProtocolRevision(rawValue: $0.text("protocolVersion")) }
            opened = asked.flatMap { supported.contains($0) ? $0 : nil } ?? supported.first
        }
        guard let opened else {
            // What the SDKs answer to a request before `initialize`.
            return JSONRPC.Response(
                id: request.id,
                failure: JSONRPC.Failure(.invalidParams, "Invalid request parameters")
            )
        }
        return server.answer(message, revision: opened)
    }

    private static func read() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(0, buffer.baseAddress, buffer.count)
            }
            if count > 0 { return Array(bytes[..<count]) }
            guard count < 0, errno == EINTR else { return nil }
        }
    }
}
