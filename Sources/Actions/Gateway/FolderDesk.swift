import Core
import Gateway
import Workspace

/// Answers for a gateway of programs alone, which has no port: reads and writes the folder that the wrapped programs watch.
///
/// The same questions and answers as on the admin port, as far as a folder can give them: how it stands, who is denied, the
/// mode. A running program takes a change within a quarter of a second, one that is started later at its start. What people
/// did goes into the audit log `gateway` of the folder, beside the logs of the programs.
package struct FolderDesk: Sendable {
    private let files: GatewayFiles
    private static let clock: @Sendable () -> Timestamp = { SystemClock().now() }
    /// How long another command is waited for that writes the same log.
    private static let patience: Duration = .seconds(3)

    init(_ files: GatewayFiles) { self.files = files }

    private var document: GatewayDocument { files.document }

    func get(_ path: String) async throws(AdminClient.Unreachable) -> AdminClient.Reply {
        try await answer("GET \(path)", [:])
    }

    func post(_ path: String, _ body: JSON.Value) async throws(AdminClient.Unreachable) -> AdminClient.Reply {
        try await answer("POST \(path)", body.object ?? [:])
    }

    /// Waits for the disk.
    @concurrent private func answer(
        _ path: String,
        _ members: JSON.Object
    ) async throws(AdminClient.Unreachable) -> AdminClient.Reply {
        do {
            let folder = try GatewayFolder(files.path(document.state))
            let (revocations, modes) = try folder.denials(of: document, try files.control(), Self.clock)
            let place = Place(folder: folder, revocations: revocations, modes: modes)
            switch path {
            case "GET /v1/status": return Self.ok(try status(place))
            case "GET /v1/revocations": return Self.ok(.array(revocations.entries.map(\.shownJSON)))
            case "POST /v1/revocations": return try await deny(members, place)
            case "POST /v1/revocations/lift": return try await lift(members, place)
            case "POST /v1/revocations/reach": return Self.ok(reach(members, place))
            case "POST /v1/mode": return try await changeMode(members, place)
            case "POST /v1/mode/reviewed": return try await review(members, place)
            // Questions lie in a folder of their own, for every kind of gateway.
            case "GET /v1/asks": return Self.ok([])
            default: return Self.refused(404, "programs alone cannot be told this")
            }
        } catch let fault as FileFault {
            throw AdminClient.Unreachable(message: "its folder cannot be used: it \(fault.sentence)")
        } catch let failure as GatewayRuntime.Failure {
            throw AdminClient.Unreachable(message: failure.message)
        } catch let input as InvalidInput {
            throw AdminClient.Unreachable(message: input.diagnostics.sorted.first?.message ?? "its document is wrong")
        } catch {
            throw AdminClient.Unreachable(message: "its folder cannot be used")
        }
    }

    private struct Place {
        let folder: GatewayFolder
        let revocations: Revocations
        let modes: Modes
    }

    private static func ok(_ body: JSON.Value) -> AdminClient.Reply { AdminClient.Reply(status: 200, body: body) }

    private static func refused(_ status: Int, _ why: String) -> AdminClient.Reply {
        AdminClient.Reply(status: status, body: ["error": .string(why)])
    }

    /// Opens the log before anything is changed, and hands over what to write after it was.
    private func log(_ place: Place) async throws -> GatewayLog {
        let end = ContinuousClock.now + Self.patience
        while true {
            do {
                return try place.folder.log(gateway: document.configuration.id, clock: Self.clock)
            } catch {
                guard ContinuousClock.now < end else {
                    throw GatewayRuntime.Failure("audit", "the audit log of its folder cannot be written: \(error)")
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private func note(_ kind: String, _ members: JSON.Object, in log: GatewayLog) async {
        var entry = members
        entry["schema"] = "lockstep.audit/1"
        entry["kind"] = .string(kind)
        entry["time"] = .string(Self.clock().description)
        entry["gateway"] = .string(document.configuration.id)
        let bytes = JSON.canonical(.object(entry))
        _ = await withCheckedContinuation { continuation in log.append(bytes) { continuation.resume(returning: $0) } }
        log.close()
    }

    private func text(_ members: JSON.Object, _ name: String) -> String? {
        members[name]?.string.flatMap { $0.isEmpty ? nil : $0 }
    }

    private func isKnown(_ principal: String, _ place: Place) -> Bool {
        principal == document.configuration.declared || place.revocations.entries.contains { $0.principal == principal }
    }

    private func deny(_ members: JSON.Object, _ place: Place) async throws -> AdminClient.Reply {
        guard let principal = text(members, "principal"), principal.utf8.count <= 2_048,
            let reason = text(members, "reason")
        else { return Self.refused(400, "a principal and a reason are needed") }
        let by = text(members, "by") ?? "admin"
        let wasKnown = isKnown(principal, place)
        let denial = place.revocations.add(
            principal: principal,
            reason: reason,
            by: by,
            proof: members["proof"].flatMap { RevocationProof($0) },
            at: Self.clock()
        )
        // It is in force by now; a log that cannot be written does not undo that.
        if denial.isDurable, let log = try? await log(place) {
            await note(
                "gateway.revocation",
                [
                    "by": .string(denial.signer ?? by), "principal": .string(principal), "reason": .string(reason),
                    "number": .integer(Int64(denial.number)), "signed": .bool(denial.signer != nil), "durable": true,
                ],
                in: log
            )
        }
        guard denial.isDurable else { return Self.refused(500, "the kill could not be written, so nobody knows of it") }
        return Self.ok([
            "principal": .string(principal), "state": "denied", "number": .integer(Int64(denial.number)),
            "durable": true, "signer": denial.signer.map(JSON.Value.string) ?? .null, "list": .null,
            "known": .bool(wasKnown), "names": .array(document.configuration.declared.map { [.string($0)] } ?? []),
        ])
    }

    private func lift(_ members: JSON.Object, _ place: Place) async throws -> AdminClient.Reply {
        guard let principal = text(members, "principal"), let reason = text(members, "reason") else {
            return Self.refused(400, "a principal and a reason are needed")
        }
        let by = text(members, "by") ?? "admin"
        let log = try await log(place)
        let lifting = place.revocations.lift(
            principal: principal,
            reason: reason,
            by: by,
            proof: members["proof"].flatMap { RevocationProof($0) },
            at: Self.clock()
        )
        switch lifting {
        case .lifted, .partly: break
        case .unknown:
            log.close()
            return Self.refused(404, "nobody of that name is denied")
        case .unproven(let why):
            log.close()
            return Self.refused(403, why)
        case .unwritten:
            log.close()
            return Self.refused(500, "the lift could not be written, so nothing changed")
        }
        let lifted = place.revocations.entries.last { $0.principal == principal && $0.lifted != nil }
        await note(
            "gateway.lift",
            [
                "by": .string(lifted?.lifted?.by ?? by), "principal": .string(principal), "reason": .string(reason),
                "number": .integer(Int64(lifted?.number ?? 0)), "signed": .bool(lifted?.lifted?.proof != nil),
            ],
            in: log
        )
        if lifting == .partly { return Self.refused(500, Revocations.partly) }
        return Self.ok(["principal": .string(principal), "state": "allowed"])
    }

    /// What runs behind the folder is not known here; whether a kill would touch it is.
    private func reach(_ members: JSON.Object, _ place: Place) -> JSON.Value {
        let principal = text(members, "principal") ?? ""
        let isDenied = place.revocations.entries.contains { $0.principal == principal && $0.lifted == nil }
        let tools = principal == document.configuration.declared ? document.programs.map { "\($0)/*" } : []
        return [
            "principal": .string(principal), "denied": .bool(isDenied),
            "tools": .array(tools.map(JSON.Value.string)), "people": [],
        ]
    }

    private func changeMode(_ members: JSON.Object, _ place: Place) async throws -> AdminClient.Reply {
        guard let mode = text(members, "mode").flatMap({ GatewayConfiguration.Mode(rawValue: $0) }),
            let reason = text(members, "reason")
        else { return Self.refused(400, "a mode and a reason are needed") }
        let (by, now) = (text(members, "by") ?? "admin", Self.clock())
        let log = try await log(place)
        var entry: JSON.Object = ["mode": .string(mode.rawValue), "by": .string(by), "reason": .string(reason)]
        let isKept: Bool
        if members["break-glass"]?.bool == true {
            guard mode == .shadow, let seconds = members["seconds"]?.int, seconds > 0,
                .seconds(seconds) <= Modes.longest
            else {
                log.close()
                return Self.refused(400, "break-glass is shadow for at most four hours")
            }
            isKept = place.modes.breakGlass(by: by, reason: reason, for: .seconds(seconds), at: now)
            entry["break-glass"] = true
            entry["until"] = .string((now + .seconds(seconds)).description)
        } else {
            isKept = place.modes.set(mode, by: by, reason: reason, at: now)
        }
        guard isKept else {
            log.close()
            return Self.refused(500, "the mode could not be written, so nothing changed")
        }
        await note("gateway.mode", entry, in: log)
        return Self.ok(try status(place))
    }

    private func review(_ members: JSON.Object, _ place: Place) async throws -> AdminClient.Reply {
        let by = text(members, "by") ?? "admin"
        let log = try await log(place)
        guard place.modes.review(by: by, at: Self.clock()) else {
            log.close()
            return Self.refused(404, "there is no break-glass that nobody has reviewed")
        }
        await note("gateway.review", ["by": .string(by)], in: log)
        return Self.ok(try status(place))
    }

    private func status(_ place: Place) throws -> JSON.Value {
        let now = Self.clock()
        var glass: JSON.Value = .null
        if let broken = place.modes.state.breakGlass, broken.reviewed == nil {
            glass = [
                "by": .string(broken.by), "reason": .string(broken.reason), "time": .string(broken.at.description),
                "until": .string(broken.until.description), "open": .bool(place.modes.isBroken(at: now)),
            ]
        }
        let mode = place.modes.mode(declared: document.configuration.mode, at: now)
        return [
            "gateway": .string(document.configuration.id), "listen": .null, "mode": .string(mode.rawValue),
            "break-glass": glass, "programs": .array(document.programs.map(JSON.Value.string)),
            "policy": .string(try files.policy(now: now)?.digest.description ?? ""),
            "revocations": .integer(Int64(place.revocations.entries.filter { $0.lifted == nil }.count)),
            "durable": true, "asks": 0,
        ]
    }
}
