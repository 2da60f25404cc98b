import Core
import FoundationEssentials
import Gateway
package import Playbooks
import Workspace

/// What gateways were like before a step changed them, written down before it does.
///
/// A step that is tried again, after a crash or because a person says so, keeps what was written first: what it finds then
/// is its own work.
struct GatewayUndo {
    enum Entry: Hashable {
        case mode(gateway: String, former: String)
        /// A file of a gateway: its former text, if there was one, and what the step makes of it.
        case file(gateway: String, path: String, former: String?, after: Digest)
        /// A process that the step starts, by the mark in its environment.
        case process(gateway: String, mark: String)

        var gateway: String {
            switch self {
            case .mode(let gateway, _), .file(let gateway, _, _, _), .process(let gateway, _): gateway
            }
        }

        /// What it is about, whatever it was like.
        fileprivate var subject: [String] {
            switch self {
            case .mode(let gateway, _): ["mode", gateway]
            case .file(let gateway, let path, _, _): ["file", gateway, path]
            case .process(let gateway, let mark): ["process", gateway, mark]
            }
        }
    }

    private static let schema = "lockstep.gateway-undo/1"

    private let path: String
    private(set) var entries: [Entry] = []

    /// Reads what was written down for a step, which is called as it prints: `enforce`, `enforce[inventory]`.
    init(_ estate: Estate, run: RunID, step: String) throws(StepError) {
        let name = Digest.sha256(JSON.canonical([.string(run.text), .string(step)])).hex
        path = "\(estate.folder.state)/gateways/\(name.prefix(40)).json"
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try StoredFile.read(path, limit: 256 << 20, kind: .plain, mayFollowLink: false)
        } catch {
            if error == .missing { return }
            throw StepError(.permanent, "what gateways were like before `\(step)` cannot be read: \(error.sentence)")
        }
        guard let json = try? JSON.parse(bytes), json["schema"]?.string == Self.schema,
            let written = json["entries"]?.array
        else { throw StepError(.permanent, "what gateways were like before `\(step)` was damaged") }
        for each in written {
            guard let entry = Entry(each) else {
                throw StepError(.permanent, "what gateways were like before `\(step)` was damaged")
            }
            entries.append(entry)
        }
    }

    /// Writes down what will be changed; what is written down already keeps its former state.
    mutating func add(_ new: [Entry]) throws(StepError) {
        for entry in new {
            guard let index = entries.firstIndex(where: { $0.subject == entry.subject }) else {
                entries.append(entry)
                continue
            }
            if case .file(let gateway, let path, let former, _) = entries[index],
                case .file(_, _, _, let after) = entry
            {
                entries[index] = .file(gateway: gateway, path: path, former: former, after: after)
            }
        }
        let parts = path.split(separator: "/").dropLast()
        do throws(WorkspaceError) {
            try DurableFile.makeFolder("/" + parts.joined(separator: "/"))
            try DurableFile.write(
                JSON.canonical(["schema": .string(Self.schema), "entries": .array(entries.map(\.json))]),
                to: path
            )
        } catch {
            throw StepError(.permanent, error.message, help: error.help)
        }
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}

extension GatewayUndo.Entry {
    fileprivate var json: JSON.Value {
        switch self {
        case .mode(let gateway, let former):
            ["kind": "mode", "gateway": .string(gateway), "former": .string(former)]
        case .file(let gateway, let path, let former, let after):
            [
                "kind": "file", "gateway": .string(gateway), "path": .string(path),
                "former": former.map(JSON.Value.string) ?? .null, "after": .string(after.description),
            ]
        case .process(let gateway, let mark):
            ["kind": "process", "gateway": .string(gateway), "mark": .string(mark)]
        }
    }

    fileprivate init?(_ json: JSON.Value) {
        guard let gateway = json["gateway"]?.string else { return nil }
        switch json["kind"]?.string {
        case "mode":
            guard let former = json["former"]?.string else { return nil }
            self = .mode(gateway: gateway, former: former)
        case "file":
            guard let path = json["path"]?.string, let after = json["after"]?.string.flatMap({ Digest($0) }) else {
                return nil
            }
            self = .file(gateway: gateway, path: path, former: json["former"]?.string, after: after)
        case "process":
            guard let mark = json["mark"]?.string else { return nil }
            self = .process(gateway: gateway, mark: mark)
        default: return nil
        }
    }
}

/// `gateway.restore`: puts gateways back as a step of this run found them.
///
/// What `gateway.deploy`, `gateway.mode` and `policy.deploy` wrote down is undone, newest first: processes that the step
/// started are ended, files get their former text, modes are what they were. A file that somebody changed since is left
/// alone and named.
package struct RestoreGateway: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "gateway.restore",
            summary: "put gateways back as a step of this run found them",
            effect: .change,
            isAdditive: true,
            parameters: [
                .init("step", .string, isRequired: true, isName: true, summary: "the step whose changes are undone")
            ],
            outputs: [("restored", .list)]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let step = request.parameters["step"]?.string ?? ""
        let undo = try GatewayUndo(estate, run: request.run, step: step)
        var restored: [String] = []
        var read: [String] = []
        for entry in undo.entries.reversed() {
            switch entry {
            case .process(let gateway, let mark):
                if try await GatewayProcess.end(mark: mark) { restored.append("the process of \(gateway)") }
            case .file(let gateway, let path, let former, let after):
                if try put(path, former, after) {
                    restored.append(path)
                    if !read.contains(gateway) { read.append(gateway) }
                }
            case .mode(let gateway, let former):
                let reached = try await estate.gateway(gateway).reached()
                guard reached.mode != former else { continue }
                try await reached.change(to: former, by: request.author, reason: "rollback of \(request.reason)")
                restored.append("\(gateway) to \(former)")
            }
        }
        for gateway in read {
            // One that does not run reads its files when it begins.
            guard let reached = try? await estate.gateway(gateway).reached() else { continue }
            try await reached.reload()
        }
        undo.remove()
        return ActionResult(
            outputs: ["restored": .array(restored.map { .string($0) })],
            summary: restored.isEmpty ? "nothing to restore" : "restored \(restored.joined(separator: ", "))"
        )
    }

    /// Gives a file its former text; false where it has it.
    private func put(_ path: String, _ former: String?, _ after: Digest) throws(StepError) -> Bool {
        let current: [UInt8]?
        do throws(FileFault) {
            current = try StoredFile.read(path, limit: 80 << 20)
        } catch {
            guard error == .missing else {
                throw StepError(.permanent, "`\(path)` cannot be read: \(error.sentence)")
            }
            current = nil
        }
        let wanted = former.map { Array($0.utf8) }
        guard current != wanted else { return false }
        guard let current, Digest.sha256(current) == after else {
            throw StepError(
                .permanent,
                "`\(path)` was changed since the step wrote it, and is left as it is",
                help: "put it in order, then try the rollback again"
            )
        }
        guard let wanted else {
            do { try FileManager.default.removeItem(atPath: path) } catch {
                throw StepError(.permanent, "`\(path)` cannot be removed")
            }
            return true
        }
        do throws(WorkspaceError) { try DurableFile.write(wanted, to: path) } catch {
            throw StepError(.permanent, error.message, help: error.help)
        }
        return true
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        ["put gateways back as `\(request.parameters["step"]?.string ?? "?")` found them"]
    }
}
