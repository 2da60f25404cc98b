import Behaviour
import Core
import Documents
package import Playbooks
import Policies
import Workspace

/// `policy.mine`: writes the policy that allows what recorded sessions needed, and says how sure it is.
package struct MinePolicy: StepAction {
    let estate: Estate

    /// How many lines of the review queue and of the difference an approval shows; the policy itself has everything.
    private static let shown = 100

    package var schema: ActionSchema {
        ActionSchema(
            name: "policy.mine",
            summary: "write the policy that allows what recorded sessions needed",
            effect: .change,
            isAdditive: true,
            parameters: [
                .init(
                    "recordings",
                    .list,
                    items: .string,
                    isRequired: true,
                    rule: .recording,
                    summary: "recordings as lockstep.call/1 lines"
                ),
                .init(
                    "scope",
                    .string,
                    allowed: Policy.Scope.allCases.map(\.rawValue),
                    summary: "rules by agent, or by agent and task; agent unless given"
                ),
                .init("name", .string, summary: "the name of the policy; `mined` unless given"),
                .init(
                    "baseline",
                    .string,
                    rule: .recordingOrNothing,
                    summary: "the policy as it is: what people wrote and decided in it is kept"
                ),
                .init(
                    "path",
                    .string,
                    isRequired: true,
                    rule: .workspacePath,
                    summary: "the file that is written, inside the workspace"
                ),
            ],
            outputs: [
                ("policy", .string), ("digest", .string), ("rules", .integer), ("calls", .integer),
                ("sessions", .integer), ("skipped", .integer), ("insufficient", .integer),
                ("more_sessions", .integer), ("would_deny", .number), ("weakest", .string),
                ("excluded_sessions", .list),
                ("basis", .list), ("questions", .list), ("decisions", .list), ("open", .integer), ("review", .list),
                ("difference", .list),
                ("widens", .boolean), ("exact", .boolean),
                ("artifact", .artifact),
            ]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let path = try estate.place(request.parameters["path"]?.string ?? "")
        let files = try estate.recordings(request)
        // An input that was left empty names no policy.
        let named = request.parameters["baseline"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        let given = try named.map { file throws(StepError) in
            try estate.policy(file, now: request.now)
        }
        let baseline = given?.policy
        let released = try estate.lastRelease(now: request.now)
        let profile: Profile
        do throws(RecordingFiles.Failure) {
            profile = try TrafficProfile.of(files, hash: KeyedHash(digest: estate.secretDigest)).profile
        } catch {
            throw StepError(.permanent, "`\(error.file)` cannot be read: \(error.fault)")
        }
        let mined = PolicyMining.propose(
            profile,
            name: request.parameters["name"]?.string ?? "mined",
            scope: request.parameters["scope"]?.string.flatMap(Policy.Scope.init(rawValue:)) ?? .agent
        )
        let proposal: Proposal
        do throws(RecordingFiles.Failure) {
            proposal = try EvidenceQuotes.placing(mined, from: files)
        } catch {
            throw StepError(.permanent, "`\(error.file)` cannot be read: \(error.fault)")
        }
        let levels = proposal.levels
        var policy = proposal.policy
        var questions: [PolicyDifference.Change] = []
        if let baseline {
            (policy, questions) = policy.keepingWhatPeopleWrote(in: baseline, levels: levels)
                .keepingDecidedRules(of: baseline)
            // Rules of the baseline are part of it, and with them where these came from.
            policy.unprovenProfile = baseline.unprovenProfile
        }
        // Whoever starts a run names its baseline, and nobody approved that: what changes is told from what was released.
        let difference = PolicyDifference(
            from: released?.policy ?? Policy(name: policy.name, scope: policy.scope),
            to: policy
        )
        let evidenced: EvidenceDecisions
        do throws(RecordingFiles.Failure) {
            evidenced = try EvidenceDecisions(proposal.points, from: files)
        } catch {
            throw StepError(.permanent, "`\(error.file)` cannot be read: \(error.fault)")
        }
        let compiled = CompiledPolicy(policy)
        let points = proposal.points.map { item, point in
            PointStanding(item, point, in: policy, told: evidenced.standing(item, point, in: compiled))
        }
        let open = points.filter(\.isOpen)
        let bytes = Array(PolicyWriter.write(policy).utf8)
        let evidence: Evidence
        do {
            // It names the parties that the agents deal with.
            try estate.write(bytes, to: path, mode: 0o600)
            evidence = try estate.keep(bytes, name: path, mediaType: "application/yaml", at: request.now)
        } catch {
            throw StepError(error, otherwise: "the policy could not be written")
        }
        // What people took away denies because they said so, however much was seen of it.
        let measured = proposal.sufficiency.filter { !policy.isTakenAway($0) }
        let lacking = measured.filter { !$0.isSufficient }
        // Nothing measured is no reason for trust: the bound of nothing is 1.
        let wouldDeny = measured.map(\.upperBound).max() ?? 1
        return ActionResult(
            outputs: [
                "policy": .string(path), "digest": .string(Digest.sha256(bytes).description),
                "rules": .integer(Int64(policy.rules.count)), "calls": .integer(Int64(profile.calls)),
                "sessions": .integer(Int64(profile.sessions)), "skipped": .integer(Int64(profile.skippedCalls)),
                "insufficient": .integer(Int64(lacking.count)),
                "more_sessions": .integer(Int64(lacking.compactMap(\.moreSessions).max() ?? 0)),
                "would_deny": .number(wouldDeny),
                "weakest": .string(measured.weakest),
                "excluded_sessions": .array(proposal.excludedSessions.prefix(Self.shown).map { .string($0) }),
                "basis": .array(
                    (Self.basis(released, named.flatMap { file in given.map { (file, $0.digest) } })
                        + policy.unprovenLines).map { .string($0) }
                ),
                "questions": Self.lines(questions.map(\.line)),
                "decisions": .array(policy.decisionLines(points).map { .string($0) }),
                "open": .integer(Int64(open.count)),
                "review": Self.lines(
                    (open.filter { $0.standing == .allowed } + open.filter { $0.standing != .allowed }
                        + points.filter { !$0.isOpen }).map(\.line)
                ),
                "difference": Self.lines(difference.lines), "widens": .bool(difference.widens),
                "exact": .bool(proposal.isExact),
                "artifact": .string(evidence.digest.description),
            ],
            summary: "\(counted(policy.rules.count, "rule")) from \(counted(profile.calls, "call")) of "
                + "\(counted(profile.sessions, "session"))"
                + (files.contains(estate.folder.recordings) ? ", all that this workspace keeps, " : ", ")
                + "\(open.count) of \(points.count) points of the review are open",
            evidence: [evidence]
        )
    }

    /// What the policy is compared with, and where its decisions come from.
    private static func basis(
        _ released: LastRelease?,
        _ baseline: (file: String, digest: Digest)?
    ) -> [String] {
        var lines = [
            released.map {
                "the difference is against the last verified release of this workspace: \($0.digest), approved by "
                    + "\($0.approvers.joined(separator: ", ")) on \($0.approved)"
            } ?? "the difference is against nothing: this workspace has no verified release that holds"
        ]
        if let baseline {
            lines.append(
                "the baseline was given by name, \(baseline.file.inMessage) (\(baseline.digest)), and "
                    + (baseline.digest == released?.digest
                        ? "is what was released" : "is not released: nobody signed what it decides and who it says did")
            )
        }
        return lines
    }

    private static func lines(_ lines: [String]) -> JSON.Value {
        let rest = lines.count - shown
        return .array(
            (lines.prefix(shown) + (rest > 0 ? ["and \(rest) more: see `lockstep policy review` and `diff`"] : [])).map
            { .string($0) }
        )
    }
}

extension Estate {
    /// A policy that a step names, with the digest of its bytes; one with errors is refused.
    func policy(_ path: String, now: Timestamp) throws(StepError) -> (policy: Policy, digest: Digest) {
        let place = try recording(path)
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try StoredFile.read(place, limit: 64 << 20)
        } catch {
            throw StepError(.permanent, "`\(path)` cannot be read: \(error)")
        }
        let (policy, diagnostics) = PolicyReader.read(bytes, file: path, now: now)
        guard let policy else {
            let first = diagnostics.first { $0.severity == .error }
            throw StepError(
                .permanent,
                "the policy `\(path)` is invalid" + (first.map { ": \($0.message)" } ?? ""),
                help: "`lockstep policy diff` with the file twice says everything that is wrong with it"
            )
        }
        return (policy, .sha256(bytes))
    }
}

extension LiteralRule {
    /// A file that is read, or the empty text for none.
    static let recordingOrNothing = LiteralRule { $0.isEmpty ? .fine : recording.judge($0) }
}
