/// Paths that playbooks name inside a workspace.
package enum WorkspacePath {
    /// What belongs to the workspace itself: playbooks neither read nor write it.
    ///
    /// The same list as that of whoever opens the file, so that `lint` and a run agree.
    private static let reserved: Set<String> = [".lockstep", ".git", ".ssh", ".gnupg"]

    /// The parts of a path that stays inside the workspace and outside of what belongs to the workspace itself.
    ///
    /// Looks at the text alone: a link on the way is for whoever opens the file to find.
    package static func parts(of path: String) -> [String]? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true).filter { $0 != "." }.map(String.init)
        guard !path.hasPrefix("/"), !path.utf8.contains(0), let last = parts.last, !parts.contains(".."),
            last.lowercased() != "lockstep.yaml"
        else { return nil }
        for part in parts.map({ $0.lowercased() }) where reserved.contains(part) || part.hasPrefix(".lockstep.") {
            return nil
        }
        return parts
    }

    /// Whether a path leads through the state folder of a workspace, where its keys lie.
    package static func touchesState(_ path: String) -> Bool {
        path.split(separator: "/").contains { $0.lowercased() == ".lockstep" }
    }
}

extension LiteralRule {
    /// A file or folder inside the workspace that a playbook may write.
    package static let workspacePath = LiteralRule(pattern: "^[^/]") { path in
        WorkspacePath.parts(of: path) == nil
            ? .forbidden(
                "does not lie inside the workspace, or is a part of it that playbooks may not write",
                help: "write a path relative to the workspace, such as `reports`"
            ) : .fine
    }
}
