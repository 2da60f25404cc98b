import Core

/// Finds the files that fit the patterns below one root, in bounded work, and notes what it had to leave out.
///
/// Symbolic links are followed while they stay below the root, as people keep such files in a repository of their own;
/// what leads out is a gap, because a copied home must not be answered with the files of this machine.
struct PlaceFinder {
    struct Place: Hashable {
        var path: String
        var resolved: String
    }

    /// Folders in which nobody keeps a project, and which may hold millions of files.
    private static let skipped: Set<String> = [
        "node_modules", "bower_components", "vendor", "target", "build", "dist", "out", "__pycache__", "venv", "env",
        "site-packages", "Library", "AppData", "Pictures", "Music", "Movies", "Videos", "Photos", "Applications",
        "snap",
        "go", "miniconda3", "anaconda3", "Pods", "DerivedData", "lost+found",
    ]

    let root: String
    private let resolvedRoot: String
    var remainingDirectories: Int
    private(set) var directories = 0
    private(set) var gaps: [CoverageGap] = []
    private var refusals: [String: Int] = [:]
    private var noted: Set<CoverageGap> = []

    init(root: String, maxDirectories: Int) throws(FileRefusal) {
        let resolved = try ReadOnlyFiles.resolved(root)
        guard try ReadOnlyFiles.facts(of: resolved, followingLinks: true).kind == .directory else {
            throw FileRefusal(code: .notRegular, reason: "not a directory")
        }
        self.root = root.count > 1 && root.hasSuffix("/") ? String(root.dropLast()) : root
        resolvedRoot = resolved
        remainingDirectories = maxDirectories
    }

    /// All places that one pattern fits, below the root or below a folder in it.
    mutating func places(_ pattern: PathPattern, below folder: String? = nil) -> [Place] {
        var found: [Place] = []
        descend(folder ?? root, pattern.components[...], PathPattern.deepest, &found)
        return found
    }

    private mutating func descend(
        _ directory: String,
        _ components: ArraySlice<String>,
        _ depth: Int,
        _ found: inout [Place]
    ) {
        guard let first = components.first else { return }
        let rest = components.dropFirst()
        if first == "**" {
            descend(directory, rest, depth, &found)
            guard depth > 0, let names = list(directory) else { return }
            for name in names where isDirectory("\(directory)/\(name)", followingLinks: false) {
                descend("\(directory)/\(name)", components, depth - 1, &found)
            }
            return
        }
        let names: [String]
        if first.contains("*") {
            guard let listed = list(directory) else { return }
            names = listed.filter { PathPattern.matches($0, first) }
        } else {
            names = [first]
        }
        for name in names {
            let path = directory == "/" ? "/\(name)" : "\(directory)/\(name)"
            if rest.isEmpty {
                if let place = place(path) { found.append(place) }
            } else if isDirectory(path, followingLinks: !first.contains("*")) {
                descend(path, rest, depth, &found)
            }
        }
    }

    /// Projects below the root: folders, at most `depth` down, with what their listings hold.
    ///
    /// Hidden folders are not entered; a project's own hidden folders are reached by the patterns.
    mutating func folders(depth: Int, visit: (_ folder: String, _ names: Set<String>) -> Void) {
        var queue: [(path: String, level: Int)] = [(root, 0)]
        var next = 0
        while next < queue.count {
            let (path, level) = queue[next]
            next += 1
            guard remainingDirectories > 0 else {
                gaps.append(
                    CoverageGap(
                        subject: root,
                        reason:
                            "the limit of folders was reached, \(queue.count - next + 1) of those found were not searched"
                    )
                )
                return
            }
            guard let names = list(path) else { continue }
            visit(path, Set(names))
            guard level < depth else { continue }
            for name in names where !name.hasPrefix(".") && !Self.skipped.contains(name) {
                let child = path == "/" ? "/\(name)" : "\(path)/\(name)"
                if isDirectory(child, followingLinks: false) { queue.append((child, level + 1)) }
            }
        }
    }

    /// A file that is there and may be read; what is wrong with it is left to the reader.
    mutating func place(_ path: String) -> Place? {
        do throws(FileRefusal) {
            return try contained(path, ReadOnlyFiles.resolved(path))
        } catch {
            if error.code == .absent, (try? ReadOnlyFiles.facts(of: path, followingLinks: false)) == nil { return nil }
            let isDangling = error.code == .absent
            note(path, isDangling ? "a symbolic link to nothing" : error.reason)
            return nil
        }
    }

    private func contained(_ path: String, _ resolved: String) throws(FileRefusal) -> Place {
        let prefix = resolvedRoot == "/" ? "/" : resolvedRoot + "/"
        guard resolved.hasPrefix(prefix) else {
            throw FileRefusal(code: .outside, reason: "a symbolic link leads out of the folder that was given")
        }
        return Place(path: path, resolved: resolved)
    }

    private mutating func isDirectory(_ path: String, followingLinks: Bool) -> Bool {
        do throws(FileRefusal) {
            let facts = try ReadOnlyFiles.facts(of: path, followingLinks: followingLinks)
            return facts.kind == .directory
        } catch {
            if error.code != .absent { note(path, error.reason) }
            return false
        }
    }

    private mutating func list(_ directory: String) -> [String]? {
        guard remainingDirectories > 0 else {
            note(directory, "the limit of folders was reached")
            return nil
        }
        remainingDirectories -= 1
        do throws(FileRefusal) {
            let names = try ReadOnlyFiles.list(directory, limit: 50_000)
            directories += 1
            return names
        } catch {
            if error.code != .absent { note(directory, error.reason) }
            return nil
        }
    }

    /// Each reason is told for the first hundred places; the others are counted.
    private mutating func note(_ subject: String, _ reason: String) {
        let gap = CoverageGap(subject: subject, reason: reason)
        guard noted.insert(gap).inserted else { return }
        let count = refusals[reason, default: 0] + 1
        refusals[reason] = count
        if count <= 100 { gaps.append(gap) }
    }

    /// The gaps, with one more for each reason that had too many places to list.
    func allGaps() -> [CoverageGap] {
        gaps
            + refusals.filter { $0.value > 100 }.sorted { $0.key < $1.key }.map {
                CoverageGap(subject: root, reason: "\($0.value - 100) more places: \($0.key)")
            }
    }
}
