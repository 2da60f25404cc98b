import Actions
import ArgumentParser
import Core
import Engine
import FoundationEssentials
import Identity
import Ledger
import Policies
import Workspace

extension PolicyCommand {
    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Join an approved policy with the votes that approved it, or verify such a release.",
            discussion: """
                --verify needs no more than the release and the lockstep.yaml that lists the people's keys, the groups, \
                and under `releases` what a release needs: by default one approval by a security lead who did not start \
                the run. The terms of a release may ask for more than that, never for less. Exit code 0 where the \
                release holds, 2 where it does not: changed bytes, an unknown signer or a retired key, somebody who \
                may not approve, too few approvals, expired, another policy.
                """
        )
        @Option(help: "Verify this release instead of making one.") var verify: String?
        @Option(help: "The run that approved the policy: its id, the beginning of it, or latest.") var run = "latest"
        @Option(help: "The approval step, such as policy_review or least_privilege/policy_review.")
        var approval = "policy_review"
        @Option(help: "The policy that was approved; with --verify, what the release must hold.") var policy: String?
        @Option(name: .customLong("out"), help: "Where the release is written.") var out: String?
        @Option(help: "The lockstep.yaml that lists the people; that of the workspace unless given.") var people:
            String?
        @OptionGroup var output: OutputOptions

        func run() async throws {
            do {
                if let verify {
                    try self.verify(verify)
                } else {
                    try make()
                }
            } catch let fault as Policies.Release.Fault {
                throw CommandFailure(
                    fault.code.rawValue,
                    fault.message,
                    help: fault.help,
                    status: ExitStatus.answerIsNo
                )
            }
        }

        private func make() throws {
            guard let policy, let out else {
                throw CommandFailure(
                    "release.input",
                    "a release is made from a policy and written to a file",
                    help: "name them with --policy and --out",
                    status: ExitStatus.invalidInput
                )
            }
            let session = try Session.open(.reading)
            let document = try Recordings.bytes(policy, limit: 64 << 20)
            let found: (run: RunID, step: StepInstance)
            do {
                found = try session.engine().locate(approval, in: try session.run(run).id)
            } catch is InvalidInput {
                throw CommandFailure(
                    "release.step-unknown",
                    "the run has no step `\(Output.printable(approval))`",
                    help: "see `lockstep status \(run)`",
                    status: ExitStatus.invalidInput
                )
            }
            let now = session.clock.now()
            let verified = try session.estate.release(document, run: found.run, step: found.step, now: now)
            try Recordings.write(verified.release.bytes, to: out)
            answer(verified)
            Output.talk("release written to \(Output.printable(out))")
        }

        private func verify(_ file: String) throws {
            let bytes = try Recordings.bytes(file, limit: 80 << 20)
            let configuration: Workspace.Configuration
            let now: Timestamp
            var estate: Estate?
            if let people {
                configuration = try Workspace.Configuration.read(
                    try Recordings.bytes(people, limit: 4 << 20),
                    file: people
                )
                now = SystemClock().now()
            } else {
                do {
                    let session = try Session.open(.reading)
                    (configuration, now, estate) = (session.configuration, session.clock.now(), session.estate)
                } catch let error as WorkspaceError where error.code == .missing {
                    throw CommandFailure(
                        "release.people",
                        "there is no workspace here that says whose keys count",
                        help: "name the lockstep.yaml that lists the people with --people",
                        status: ExitStatus.invalidInput
                    )
                }
            }
            let release = try Policies.Release(parsing: bytes)
            let verified = try release.verify(under: configuration, now: now)
            let isKnown = try estate?.recalls(verified) ?? false
            if let policy, Digest.sha256(try Recordings.bytes(policy, limit: 64 << 20)) != release.digest {
                throw Policies.Release.Fault(
                    .wrongDigest,
                    "the release holds another policy than `\(Output.printable(policy))`",
                    help: "it holds \(release.digest)"
                )
            }
            answer(verified)
            if !isKnown {
                Output.talk("the run is not one of a workspace here: who started it is what the approvers signed")
            }
        }

        private static func meaning(of mode: Policies.Release.Mode) -> String {
            switch mode {
            case .shadow: "shadow (every rule only computed)"
            case .enforce: "enforce"
            }
        }

        private func answer(_ verified: VerifiedRelease) {
            let release = verified.release
            let shadow = release.rules.values.count { $0 == .shadow }
            switch output.format {
            case .json:
                Output.answer([
                    "policy": .string(release.digest.description), "mode": .string(release.terms.mode.rawValue),
                    "rules": .integer(Int64(release.rules.count)), "rules_in_shadow": .integer(Int64(shadow)),
                    "expires": .string(verified.expires.description), "rehearsal": .bool(release.isRehearsal),
                    "started_by": release.startedBy.map { .string($0) } ?? .null, "run": .string(release.run),
                    "step": .string(release.step), "waived": .array(release.waived),
                    "unproven_profile": release.unprovenProfile.map { .string($0.description) } ?? .null,
                    "approved_by": .array(
                        verified.approvals.map {
                            [
                                "person": .string($0.person.text), "key": .string($0.key.fingerprint),
                                "time": .string($0.vote.time.description), "reason": .string($0.vote.reason),
                            ]
                        }
                    ),
                ])
            case .table:
                let only = shadow > 0 && release.terms.mode == .enforce ? ", \(shadow) of them only computed" : ""
                var lines = [
                    "policy    \(release.digest)", "mode      \(Self.meaning(of: release.terms.mode))",
                    "rules     \(release.rules.count)\(only)", "expires   \(verified.expires)",
                ]
                if let profile = release.unprovenProfile {
                    lines.append("UNPROVEN  mined from a profile that was named as a file, \(profile)")
                }
                lines += ShownText.waived(release.waived).map { "WAIVED    \($0)" }
                if let name = release.startedBy { lines.append("started   \(Output.cell(name))") }
                lines += verified.approvals.map {
                    "approved  \($0.person), \($0.vote.time): \(Output.cell($0.vote.reason))"
                }
                if release.isRehearsal { lines.append("rehearsal yes: no gateway off loopback takes it") }
                Output.answer(lines.joined(separator: "\n"))
            }
        }
    }
}
