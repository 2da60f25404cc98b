import Actions
import Core
import Policies

/// Keeps what people decided and wrote in a policy from being written over unseen.
enum PolicyOverwrite {
    /// Refuses to write where a file holds decisions or rules of people that the new policy has not.
    ///
    /// - Parameters:
    ///   - file: Where the policy would go; one that is not there, or is no policy, is no matter of this.
    ///   - new: What would be written; nil for one that has nothing of people in it.
    ///   - command: The first part of the code.
    ///   - keeping: How they are kept, for the help.
    ///   - isSame: Whether the new policy is made of the one in the file, so that what changes of a mined rule was meant to.
    /// - Throws: `CommandFailure` with the code `COMMAND.would-overwrite`.
    static func refuse(
        _ file: String,
        by new: Policy?,
        _ command: String,
        keeping: String,
        isSame: Bool = false
    ) throws {
        guard Recordings.exists(file), let bytes = try? Recordings.bytes(file, limit: 64 << 20),
            let old = PolicyReader.read(bytes, file: file).policy
        else { return }
        let kept = (new?.rules ?? []).flatMap(\.reviewed)
        let lost = Set(old.rules.flatMap(\.reviewed).filter { record in !kept.contains { $0 == record } }.map(\.item))
        let written = old.rules.filter { rule in
            rule.origin == .written && !lost.contains { rule.id == Review.ruleID(ofItem: $0) }
                && !(new?.rules.contains(rule) ?? false)
        }
        // What somebody changed by hand in a mined rule shows by its mark.
        let changed = old.rules.filter { rule in
            !isSame && rule.origin == .mined && rule.reviewed.isEmpty && rule.isDecidedByPeople
                && !(new?.rules.contains { $0.id == rule.id && $0.minedDigest == rule.minedDigest } ?? false)
        }
        let isReduced = !isSame && old.isReducedByPeople && new?.minedDigest != old.minedDigest
        guard !lost.isEmpty || !written.isEmpty || !changed.isEmpty || isReduced else { return }
        let what = [
            lost.isEmpty ? nil : counted(lost.count, "decision"),
            written.isEmpty ? nil : counted(written.count, "rule") + " written by people",
            changed.isEmpty ? nil : counted(changed.count, "mined rule") + " changed by hand",
            isReduced && changed.isEmpty ? "rules or parties taken away by hand" : nil,
        ]
        throw CommandFailure(
            "\(command).would-overwrite",
            "`\(Output.printable(file))` holds \(what.compactMap(\.self).joined(separator: " and ")) that would be lost",
            help: "\(Output.printable(keeping)); --replace writes over them",
            status: ExitStatus.invalidInput
        )
    }
}
