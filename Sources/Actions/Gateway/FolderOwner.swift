import Audit
import Core
import Documents
import FoundationEssentials
import Gateway

extension GatewayFolder {
    /// Who is denied and which mode people gave, as every process on this folder has to know them before it decides.
    ///
    /// - Throws: `GatewayRuntime.Failure` where either was changed by anything but a gateway.
    func denials(
        of document: GatewayDocument,
        _ control: ControlKeys,
        _ clock: @escaping @Sendable () -> Timestamp
    ) throws -> (Revocations, Modes) {
        if let owner, owner != document.configuration.id {
            throw GatewayRuntime.Failure(
                "state",
                "the folder `\(document.state)` is that of the gateway \(owner.inMessage), and this one is called "
                    + document.configuration.id.inMessage,
                help: "give each gateway a folder of its own with `state`",
                isInput: true
            )
        }
        let denied: Revocations
        do {
            let list = try self.revocations(gateway: document.configuration.id, control: control, clock: clock)
            denied = try Revocations(gateway: document.configuration.id, store: list, control: control)
        } catch let error as RevocationFile.Unreadable {
            throw GatewayRuntime.Failure(
                "revocations",
                error.message,
                help: "a folder is one gateway's, under one id; where it is this one's, put `control/revocations` back "
                    + "from a backup of `\(document.state)`: the gateway's audit log says who was denied"
            )
        }
        let mode: Modes
        do {
            mode = try Modes(store: self.modes, now: clock())
        } catch is ModeFile.Unreadable {
            throw GatewayRuntime.Failure(
                "mode",
                "the mode that people gave to the gateway cannot be read",
                help: "take `control/mode` out of `\(document.state)`; then the mode of the document is in force"
            )
        }
        return (denied, mode)
    }

    /// The gateway whose logs lie in the folder, as their origins name it; nothing where there is none yet.
    private var owner: String? {
        let logs = (try? FileManager.default.contentsOfDirectory(atPath: root + "/audit")) ?? []
        for log in logs.sorted() {
            guard let bytes = try? StoredFile.read("\(root)/audit/\(log)/checkpoint", limit: 1 << 20) else { continue }
            let line = String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
            guard line.hasPrefix("lockstep.gateway/") else { continue }
            return line.dropFirst(17).split(separator: "/").first.map(String.init)
        }
        return nil
    }

    /// The gateway's own log, which one gateway at a time writes.
    func onlyLog(of document: GatewayDocument, _ clock: @escaping @Sendable () -> Timestamp) throws -> GatewayLog {
        do {
            return try log(gateway: document.configuration.id, clock: clock)
        } catch let error as AuditError where error.code == .locked {
            throw GatewayRuntime.Failure(
                "running",
                "another gateway runs on the folder `\(document.state)`",
                help: "end that one first, or give this one a folder of its own with `state`"
            )
        }
    }
}
