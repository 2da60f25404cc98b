package import Core
import Documents
import Inspection

/// Reads what the clients of a machine are set up to use: files only, nothing written, nothing started, no network.
///
/// Every server becomes a sighting without its secrets. What could not be read becomes a gap: a file that is too large,
/// a pipe, a broken entry beside good ones, a place beyond the limits.
package struct ConfigurationSurvey: Sendable {
    /// A person's home directory, of this machine or copied from another.
    package struct Home: Sendable, Hashable {
        package var path: String
        package var user: String

        /// The user is the name of the directory unless another is given.
        package init(path: String, user: String? = nil) {
            self.path = path
            self.user = user ?? path.split(separator: "/").last.map(String.init) ?? "root"
        }
    }

    package struct Limits: Sendable, Hashable {
        package var fileBytes: Int
        /// How many folders are listed in each home.
        package var directories: Int
        package var files: Int
        package var serversPerFile: Int
        /// How deep below a home projects are looked for.
        package var projectDepth: Int

        package init(
            fileBytes: Int = 8 << 20,
            directories: Int = 20_000,
            files: Int = 5_000,
            serversPerFile: Int = 2_000,
            projectDepth: Int = 4
        ) {
            self.fileBytes = fileBytes
            self.directories = directories
            self.files = files
            self.serversPerFile = serversPerFile
            self.projectDepth = projectDepth
        }
    }

    package var homes: [Home]
    /// Project folders outside the homes.
    package var projects: [String]
    /// The root below which administrators' files lie, `/` for this machine; nil leaves them out.
    package var machineRoot: String?
    /// The name of the machine that the homes belong to; part of the key of what it starts.
    package var host: String
    package var limits: Limits
    /// Files that earlier looks had something to say about: the result tells of those that are gone.
    package var known: Set<String>
    /// The keyed digest of a secret, `hmac-sha256:<key id>:<hex>`, or an empty text where no key is at hand.
    package var digest: @Sendable (String) -> String

    package init(
        homes: [Home],
        projects: [String] = [],
        machineRoot: String? = nil,
        host: String,
        limits: Limits = Limits(),
        known: Set<String> = [],
        digest: @escaping @Sendable (String) -> String
    ) {
        self.homes = homes
        self.projects = projects
        self.machineRoot = machineRoot
        self.host = host
        self.limits = limits
        self.known = known
        self.digest = digest
    }

    /// Looks at all homes, projects and the machine; the same files give the same result in the same order.
    package func run() -> SurveyResult {
        var result = SurveyResult(examined: ["files": 0, "homes": 0, "folders": 0])
        for home in homes {
            result.examined["homes", default: 0] += 1
            look(at: home.path, places: ClientTable.userPlaces, user: home.user, hasProjects: true, into: &result)
        }
        for project in projects {
            look(at: project, places: [], user: nil, hasProjects: true, into: &result)
        }
        if let machineRoot {
            look(at: machineRoot, places: ClientTable.machinePlaces, user: nil, hasProjects: false, into: &result)
        }
        return result
    }

    private func look(
        at root: String,
        places: [ClientTable.Place],
        user: String?,
        hasProjects: Bool,
        into result: inout SurveyResult
    ) {
        var finder: PlaceFinder
        do throws(FileRefusal) {
            finder = try PlaceFinder(root: root, maxDirectories: limits.directories)
        } catch {
            result.gaps.append(CoverageGap(subject: root, reason: error.reason))
            return
        }
        var reader = ConfigurationReader(survey: self, user: user)
        var claimed: [String] = []
        for (source, pattern) in places {
            for place in finder.places(pattern) { claimed += reader.read(place, source) }
        }
        if hasProjects {
            var folders: [(path: String, names: Set<String>)] = []
            finder.folders(depth: limits.projectDepth) { path, names in
                if Self.isProject(names) { folders.append((path, names)) }
            }
            for folder in folders {
                for (source, pattern) in ClientTable.projectPlaces where Self.mayHold(folder.names, pattern) {
                    for place in finder.places(pattern, below: folder.path) { _ = reader.read(place, source) }
                }
            }
            for folder in reader.projects(claimed, below: finder.root) {
                for (source, pattern) in ClientTable.projectPlaces {
                    for place in finder.places(pattern, below: folder) { _ = reader.read(place, source) }
                }
            }
        }
        result.merge(reader.result)
        result.gaps += finder.allGaps()
        result.examined["folders", default: 0] += finder.directories
        result.covered.formUnion(gone(below: finder.root, places))
    }

    /// Known files below a root that was looked at that are not there any more.
    ///
    /// Below the root of the machine only the places of administrators are looked at: a home that is not mounted has not
    /// lost its files.
    private func gone(below root: String, _ places: [ClientTable.Place]) -> Set<String> {
        known.filter { file in
            let prefix = root == "/" ? "/" : root + "/"
            guard file.hasPrefix(prefix) else { return false }
            if root == machineRoot {
                let first = file.dropFirst(prefix.count).split(separator: "/").first.map(String.init)
                guard let first, places.contains(where: { $0.pattern.components.first == first }) else { return false }
            }
            do throws(FileRefusal) {
                _ = try ReadOnlyFiles.facts(of: file, followingLinks: false)
                return false
            } catch {
                return error.code == .absent
            }
        }
    }

    private static func isProject(_ names: Set<String>) -> Bool {
        ClientTable.projectPlaces.contains { mayHold(names, $0.pattern) }
    }

    private static func mayHold(_ names: Set<String>, _ pattern: PathPattern) -> Bool {
        guard let first = pattern.components.first else { return false }
        if first.contains("*") { return names.contains { PathPattern.matches($0, first) } }
        return names.contains(first)
    }
}
