import Core
import Identity
import Ledger
import Playbooks
import Policies
import Workspace

/// The policy that was released last in a workspace.
struct LastRelease {
    let policy: Policy
    let digest: Digest
    let approvers: [String]
    /// When the vote that completed the approval was signed.
    let approved: Timestamp
}

extension Estate {
    /// The newest release that a run of this workspace made and that still verifies here; nil where there is none.
    ///
    /// It is verified anew: a key may have been retired since, a vote withdrawn, and an expired release holds nothing.
    func lastRelease(now: Timestamp) throws(StepError) -> LastRelease? {
        do {
            var last: LastRelease?
            for run in try ledger.runs() {
                for outputs in try ledger.steps(of: run.id).compactMap(\.outputs) {
                    guard outputs["policy_digest"] != nil, outputs["release"] != nil,
                        let artifact = outputs["artifact"]?.string.flatMap({ Digest($0) }),
                        let found = try released(artifact, now: now), found.approved >= last?.approved ?? found.approved
                    else { continue }
                    last = found
                }
            }
            return last
        } catch {
            throw StepError(error, otherwise: "the releases of this workspace could not be read")
        }
    }

    private func released(_ artifact: Digest, now: Timestamp) throws -> LastRelease? {
        // What was taken away since cannot be compared with, and what was altered does not verify.
        guard try ledger.artifact(artifact) != nil,
            let bytes = try? DurableFile.read("\(folder.artifacts)/\(artifact.hex)", limit: 80 << 20)
        else { return nil }
        do {
            let verified = try Release(parsing: bytes).verify(under: configuration, now: now)
            guard try recalls(verified), let approved = verified.approvals.last?.vote.time,
                let policy = PolicyReader.read(Array(verified.release.document.utf8), file: "policy").policy
            else { return nil }
            return LastRelease(
                policy: policy,
                digest: verified.release.digest,
                approvers: verified.approvals.map(\.person.text),
                approved: approved
            )
        } catch is Release.Fault {
            return nil
        }
    }
}
