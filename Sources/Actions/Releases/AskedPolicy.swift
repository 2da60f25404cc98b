package import Core
package import Ledger
import Policies
import Workspace

/// A policy that a waiting run asks votes for.
///
/// The votes are bound to its bytes. Whoever decides points of it makes another policy, which this run never releases: the
/// way on is a run that begins with the decided one, and this says how it is started.
package struct AskedPolicy: Sendable {
    /// The run that a person started.
    package let root: RunRecord
    /// The run with the question, the root or one below it.
    package let run: RunID
    package let step: StepInstance
    /// The step as people name it from the root.
    package let path: String
    package let digest: Digest
    /// Where the run wrote the policy, as a whole path.
    package let file: String?
    /// What it was mined from, as a command takes it.
    package let recordings: [String]

    /// The commands that go on with another policy, if the playbook takes one.
    package func restart(with baseline: String) -> [String] {
        guard root.inputs["baseline"] != nil else { return [] }
        var words = ["lockstep", "run", Self.quoted(root.file)]
        for (name, value) in root.inputs where name != "baseline" {
            if value == .array([]) || value == "" { continue }
            words += ["--input", Self.quoted("\(name)=\(Self.text(value))")]
        }
        words += ["--input", Self.quoted("baseline=\(baseline)")]
        // The next run of the same group waits until this one has come to its end, which the tick sees to.
        return [
            "lockstep cancel \(root.id) --reason \"points of its policy were decided\"", "lockstep tick \(root.id)",
            words.joined(separator: " "),
        ]
    }

    private static func text(_ value: JSON.Value) -> String {
        if let text = value.string { return text }
        let texts = value.array?.compactMap { $0.string ?? $0.int.map { String($0) } }
        guard let texts, texts.count == value.array?.count, !texts.contains(where: { $0.contains(",") }) else {
            return String(decoding: JSON.canonical(value), as: UTF8.self)
        }
        return texts.joined(separator: ",")
    }

    /// As a shell reads it as one word.
    private static func quoted(_ word: String) -> String {
        let isPlain = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-_./:=,@%+".utf8.contains(byte)
            }
        }
        return isPlain
            ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}

extension Estate {
    /// The policies that runs of this workspace ask votes for at the moment.
    package func askedPolicies() throws(LedgerError) -> [AskedPolicy] {
        var asked: [AskedPolicy] = []
        for run in try ledger.runs() where !run.state.isTerminal {
            for approval in try ledger.approvals(of: run.id) where approval.state == .open {
                let page = (try? JSON.parse(approval.shown, limits: .standard))?.object ?? [:]
                guard let terms = (page["show"]?.array ?? []).compactMap(Release.Terms.init).first else { continue }
                let outputs = try ledger.steps(of: run.id).compactMap(\.outputs)
                let mined = outputs.last { $0["digest"]?.string == terms.policy.description }
                let (root, path) = try above(run, approval.instance.description)
                asked.append(
                    AskedPolicy(
                        root: root,
                        run: run.id,
                        step: approval.instance,
                        path: path,
                        digest: terms.policy,
                        file: mined?["policy"]?.string.map { $0.hasPrefix("/") ? $0 : "\(folder.root)/\($0)" },
                        recordings: outputs.compactMap { $0["recording"]?.string }
                    )
                )
            }
        }
        return asked
    }

    private func above(_ run: RunRecord, _ path: String) throws(LedgerError) -> (RunRecord, String) {
        guard let parent = run.parent, let upper = try ledger.run(parent.run) else { return (run, path) }
        return try above(upper, "\(parent.instance)/\(path)")
    }
}
